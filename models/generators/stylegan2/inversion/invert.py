"""GAN inversion: images in, the W+ codes whose images come closest out, with the generator frozen.

The encoder gives the start; without one, it is the mean code, or that of the image's class if it is known. Batched Adam
refines it, and images for which the first start failed get other starts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Classes, Images, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, encode
from models.generators.stylegan2.inversion.prior import (
    ClassPrior,
    CodePrior,
    LatentPrior,
    latent_prior,
)
from models.generators.stylegan2.inversion.refinement import (
    Chosen,
    InversionOptions,
    Objective,
    Refined,
    refine,
)
from models.inversion.inverter import Inversion
from models.inversion.perceptual import PerceptualDistance
from models.inversion.psnr import psnr_db
from models.states import AT_START, Resumption

NUM_CANDIDATES = (
    64  # a restart begins at the one of these samples that is most similar to the image
)
THUMBNAIL_PX = 32  # the size at which images and candidates are compared


@dataclass(frozen=True)
class Tools:
    """A generator and what its inversion needs; prepared once, used for every micro-batch."""

    generator: Generator
    encoder: Encoder | None  # None: optimization starts at the mean code
    perceptual: PerceptualDistance | None  # None: pixels alone
    prior: LatentPrior
    class_priors: dict[int, LatentPrior] = field(default_factory=dict)  # of the classes so far

    @classmethod
    def of(
        cls,
        generator: Generator,
        encoder: Encoder | None = None,
        perceptual: PerceptualDistance | None = None,
    ) -> "Tools":
        """Measure the generator's prior (10,000 latents through its mapping) and keep it with the networks."""
        return cls(generator, encoder, perceptual, latent_prior(generator))

    def prior_of(self, condition: Classes | None) -> CodePrior:
        """Return the prior of images of these classes, [n]; that of all samples without classes."""
        if condition is None:
            return self.prior
        for one in condition.unique().tolist():
            if one not in self.class_priors:
                self.class_priors[one] = latent_prior(self.generator, one)
        return ClassPrior.joined([self.class_priors[one] for one in condition.tolist()])


def invert(
    tools: Tools,
    images: Images,
    options: InversionOptions,
    *,
    condition: Classes | None = None,
    fails_below_db: float = -math.inf,
    on_step: Callable[[int, int], None] | None = None,
    resumption: Resumption = AT_START,
) -> Inversion:
    """Find a code for every image, `micro_batch` images at a time; other images change a result only by rounding.

    `condition` is the class of each image, for a class-conditional generator. `resumption` needs a single micro-batch;
    restarts are not part of its states, so they are repeated.
    An image whose reconstruction stays below `fails_below_db` gets `options.restarts` other starts and keeps the best.
    `on_step(done, total)` counts image-steps; its exceptions pass through.

    Raises:
        ValueError: the images have another size than the generator's, or the generator does not have a class.
        StateRefused: the state is one of other images.
    """
    _check_size(tools.generator, images)
    if resumption.state is not None and len(images) > options.micro_batch:
        raise ValueError(
            f"expected one micro-batch to resume, got {len(images)} images of at most {options.micro_batch} at once"
        )
    # image-steps of one image, restarts included: the unit of progress
    effort, parts = (1 + options.restarts) * options.steps, []
    for first in range(0, len(images), options.micro_batch):
        batch = images[first : first + options.micro_batch]
        classes = None if condition is None else condition[first : first + options.micro_batch]

        def progress(done: int, first: int = first) -> None:
            if on_step is not None:
                on_step(first * effort + done, len(images) * effort)

        target = _Target(batch, classes)
        parts.append(
            _invert(tools, target, options, fails_below_db, on_step=progress, resumption=resumption)
        )
        progress(len(batch) * effort)
    return Inversion(
        torch.cat([part.codes for part in parts]),
        torch.cat([part.reconstructions for part in parts]),
        torch.cat([part.psnr_db for part in parts]),
        torch.cat([part.steps for part in parts]),
    )


def start_codes(tools: Tools, images: Images, condition: Classes | None = None) -> StyleCodes:
    """Return the encoder's codes; without an encoder, the mean code for every image, that of its class if known."""
    # The encoder sees the image, so it needs no class: it corrects the mean code that it was trained to start from.
    if tools.encoder is None:
        return _mean_codes(tools.generator, len(images), condition)
    with torch.no_grad():
        return encode(tools.generator, tools.encoder, images)


@dataclass(frozen=True)
class _Target:
    """A micro-batch of images, and their classes or None."""

    images: Images
    condition: Classes | None

    def of(self, chosen: Chosen) -> "_Target":
        """Return the chosen images."""
        classes = None if self.condition is None else self.condition[chosen]
        return _Target(self.images[chosen], classes)


def _invert(
    tools: Tools,
    target: _Target,
    options: InversionOptions,
    fails_below_db: float,
    *,
    on_step: Callable[[int], None],
    resumption: Resumption,
) -> Inversion:
    """Invert one micro-batch: a first attempt for all images, then others for those that failed."""
    images = target.images
    # 1. the start: [n, 3, h, w] => codes [n, num_ws, w_dim]
    start = start_codes(tools, images, target.condition)
    # A prior without weight is not measured: each class takes 10,000 latents.
    prior = tools.prior_of(target.condition) if options.prior_weight else tools.prior
    objective = Objective.toward(
        images, start, prior=prior, perceptual=tools.perceptual, options=options
    )
    # 2. refinement of all images at once
    best = refine(tools.generator, objective, start, on_step, resumption)
    # 3. restarts, only for images that failed, and none by default: two restarts for every image took three times as
    # long and improved none of 8 renderings (decision 0010)
    for attempt in range(1, options.restarts + 1):
        failed = (_measured(tools, images, best).psnr_db < fails_below_db).nonzero()[:, 0]
        if not len(failed):
            break
        # Steps before this attempt: all images in the attempts so far, and those that need none in this one.
        behind = ((attempt + 1) * len(images) - len(failed)) * options.steps

        def progress(done: int, behind: int = behind) -> None:
            on_step(behind + done)

        start = _other_start(tools, target.of(failed), attempt, options.micro_batch)
        # The failed images alone, pulled toward their first start as before.
        again = refine(tools.generator, objective.of(failed), start, progress)
        best = best.improved(failed, again)
    return _measured(tools, images, best)


def _measured(tools: Tools, images: Images, refined: Refined) -> Inversion:
    # Rendered again from the best codes, which are not those of the last step.
    with torch.no_grad():
        reconstructions = tools.generator.synthesize(refined.ws).images
    quality = psnr_db(reconstructions, images)
    return Inversion(refined.ws, reconstructions, quality, refined.steps)


def _other_start(tools: Tools, target: _Target, attempt: int, micro_batch: int) -> StyleCodes:
    """Return the mean code where an encoder gave the first start; after it, the most similar of new samples.

    Every attempt has its own seed: an image's candidates do not depend on which other images failed. They are of the
    image's class if it is known.
    """
    generator, images = tools.generator, target.images
    if attempt == 1 and tools.encoder is not None:
        return _mean_codes(generator, len(images), target.condition)
    rng = torch.Generator().manual_seed(attempt)  # on the CPU: the same candidates on every device
    z = torch.randn(NUM_CANDIDATES, generator.config.z_dim, generator=rng).to(images.device)
    if target.condition is None:
        return _nearest(generator, images, generator.map(z), micro_batch)
    starts = _mean_codes(generator, len(images), target.condition)
    for one in target.condition.unique():
        chosen = (target.condition == one).nonzero()[:, 0]
        codes = generator.map(z, classes=one.expand(len(z)))
        starts[chosen] = _nearest(generator, images[chosen], codes, micro_batch)
    return starts


def _nearest(
    generator: Generator,
    images: Images,
    candidates: Float[Tensor, "candidates num_ws w_dim"],
    micro_batch: int,
) -> StyleCodes:
    """Return the candidate whose image is most similar to each image."""
    with torch.no_grad():
        samples = [
            _thumbnails(generator.synthesize(part).images) for part in candidates.split(micro_batch)
        ]
    # [n, numbers] and [64, numbers] => distances [n, 64] => the nearest candidate [n]
    nearest = torch.cdist(_thumbnails(images), torch.cat(samples)).argmin(dim=1)
    return candidates[nearest].clone()


def _thumbnails(images: Images) -> Float[Tensor, "batch numbers"]:
    # A whole factor, so that every number is the mean of equally many pixels.
    height, width = images.shape[2:]
    factor = max(height, width) // THUMBNAIL_PX
    return (images if factor < 2 else F.avg_pool2d(images, factor)).flatten(1)


def _mean_codes(generator: Generator, count: int, condition: Classes | None) -> StyleCodes:
    mapping, num_ws = generator.mapping, generator.config.num_ws
    if condition is None:
        return mapping.w_mean.expand(count, num_ws, -1).clone()
    return mapping.class_means(condition)[:, None].expand(-1, num_ws, -1).clone()


def _check_size(generator: Generator, images: Images) -> None:
    expected, got = generator.config.image_px, (images.shape[2], images.shape[3])
    if expected != got:
        raise ValueError(
            f"expected images of {expected[0]}x{expected[1]} px (height x width) as the generator makes them, got "
            f"{got[0]}x{got[1]}; resize the images"
        )
