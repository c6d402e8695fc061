"""GAN inversion: images in, the W+ codes whose images come closest out, with the generator frozen.

The encoder starts (the mean code without one), batched Adam refines, and images that the first start failed get others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images, Scores, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.inversion.encoder import Encoder, encode
from models.inversion.perceptual import PerceptualDistance
from models.inversion.prior import LatentPrior, latent_prior
from models.inversion.refinement import InversionOptions, Objective, Refined, refine

NUM_CANDIDATES = 64
"""Of so many samples the one that looks most like an image is where a restart begins."""
THUMBNAIL_PX = 32


@dataclass(frozen=True)
class Tools:
    """What inverts images of one generator; made once, used for every micro-batch."""

    generator: Generator
    encoder: Encoder | None
    perceptual: PerceptualDistance | None
    prior: LatentPrior

    @classmethod
    def of(
        cls,
        generator: Generator,
        encoder: Encoder | None = None,
        perceptual: PerceptualDistance | None = None,
    ) -> "Tools":
        """Measures the generator's prior: 10,000 latents through its mapping."""
        return cls(generator, encoder, perceptual, latent_prior(generator))


@dataclass(frozen=True)
class Inversion:
    """Codes, what the generator makes of them (not clipped), how close that is (decibels, peak 2), steps taken."""

    ws: StyleCodes
    reconstructions: Images
    psnr_db: Scores
    steps: Int[Tensor, " batch"]


def invert(
    tools: Tools,
    images: Images,
    options: InversionOptions,
    *,
    fails_below_db: float = -math.inf,
    on_step: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Find a code for every image, `micro_batch` images at a time; the company of an image does not matter.

    An image whose reconstruction stays below `fails_below_db` gets `options.restarts` other starts and keeps the best.
    `on_step(done, total)` counts image-steps; what it raises passes through.

    Raises:
        ValueError: the images have another size than the generator's.
    """
    _check_size(tools.generator, images)
    effort, parts = (1 + options.restarts) * options.steps, []
    for first in range(0, len(images), options.micro_batch):
        batch = images[first : first + options.micro_batch]

        def progress(done: int, first: int = first) -> None:
            if on_step is not None:
                on_step(first * effort + done, len(images) * effort)

        parts.append(_invert(tools, batch, options, fails_below_db, progress))
        progress(len(batch) * effort)
    return Inversion(
        torch.cat([part.ws for part in parts]),
        torch.cat([part.reconstructions for part in parts]),
        torch.cat([part.psnr_db for part in parts]),
        torch.cat([part.steps for part in parts]),
    )


def start_codes(tools: Tools, images: Images) -> StyleCodes:
    """The encoder's codes, or the mean code for every image."""
    if tools.encoder is None:
        return _mean_codes(tools.generator, len(images))
    with torch.no_grad():
        return encode(tools.generator, tools.encoder, images)


def psnr_db(images: Images, references: Images) -> Scores:
    """Peak signal-to-noise ratio of each image after clipping to [-1, 1]."""
    error = (images.clamp(-1, 1) - references).square().mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(4.0 / error.clamp(min=1e-10))


def _invert(
    tools: Tools,
    images: Images,
    options: InversionOptions,
    fails_below_db: float,
    on_step: Callable[[int], None],
) -> Inversion:
    """One micro-batch: a first try for all, then others for those that it failed."""
    start = start_codes(tools, images)
    objective = Objective.toward(
        images, start, prior=tools.prior, perceptual=tools.perceptual, options=options
    )
    found = refine(tools.generator, objective, start, on_step)
    for attempt in range(1, options.restarts + 1):
        failed = (_look(tools, images, found).psnr_db < fails_below_db).nonzero()[:, 0]
        if not len(failed):
            break
        behind = ((attempt + 1) * len(images) - len(failed)) * options.steps

        def progress(done: int, behind: int = behind) -> None:
            on_step(behind + done)

        start = _other_start(tools, images[failed], attempt, options.micro_batch)
        again = refine(tools.generator, objective.of(failed), start, progress)
        found = found.improved(failed, again)
    return _look(tools, images, found)


def _look(tools: Tools, images: Images, found: Refined) -> Inversion:
    with torch.no_grad():
        made = tools.generator.synthesize(found.ws).images
    return Inversion(found.ws, made, psnr_db(made, images), found.steps)


def _other_start(tools: Tools, images: Images, attempt: int, micro_batch: int) -> StyleCodes:
    """The mean code first, where an encoder started; then the most alike of some samples, others in every attempt.

    A seed for each attempt: an image's candidates do not depend on which others failed.
    """
    generator = tools.generator
    if attempt == 1 and tools.encoder is not None:
        return _mean_codes(generator, len(images))
    chance = torch.Generator().manual_seed(attempt)
    z = torch.randn(NUM_CANDIDATES, generator.config.z_dim, generator=chance)
    with torch.no_grad():
        codes = generator.map(z.to(images.device))
        made = [_thumbnails(generator.synthesize(part).images) for part in codes.split(micro_batch)]
    nearest = torch.cdist(_thumbnails(images), torch.cat(made)).argmin(dim=1)
    return codes[nearest].clone()


def _thumbnails(images: Images) -> Float[Tensor, "batch numbers"]:
    height, width = images.shape[2:]
    factor = max(height, width) // THUMBNAIL_PX
    return (images if factor < 2 else F.avg_pool2d(images, factor)).flatten(1)


def _mean_codes(generator: Generator, count: int) -> StyleCodes:
    return generator.mapping.w_mean.expand(count, generator.config.num_ws, -1).clone()


def _check_size(generator: Generator, images: Images) -> None:
    expected, found = generator.config.image_px, (images.shape[2], images.shape[3])
    if expected != found:
        raise ValueError(
            f"images have {found[0]}x{found[1]} px (height x width), the generator makes "
            f"{expected[0]}x{expected[1]}; resize the images"
        )
