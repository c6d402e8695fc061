"""GAN inversion: images in, the W+ codes whose images come closest out, with the generator frozen.

The encoder starts (the mean code without one), batched Adam refines, and each image keeps its own best iterate.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.arrays import Images, Scores, StyleCodes
from models.inversion.encoder import Encoder
from models.inversion.perceptual import PerceptualDistance
from models.inversion.prior import LatentPrior, latent_prior
from models.stylegan2.generator import Generator

RAMP_UP, RAMP_DOWN = 0.05, 0.25


@dataclass(frozen=True, kw_only=True)
class InversionOptions:
    """Weights of the loss and the course of the refinement.

    `encoder_pull` weighs mean squared distance to the starting code (the paper: 1), `prior_weight` the Mahalanobis
    distance to the distribution of sampled codes, `perceptual_weight` the perceptual distance (the paper: 10 x LPIPS).
    """

    steps: int = 200
    learning_rate: float = 0.1
    pixel_weight: float = 1.0
    perceptual_weight: float = 0.0
    encoder_pull: float = 0.0
    prior_weight: float = 1e-4
    micro_batch: int = 16


@dataclass(frozen=True)
class Inversion:
    """Codes, what the generator makes of them (not clipped), and how close that is (decibels, peak 2)."""

    ws: StyleCodes
    reconstructions: Images
    psnr_db: Scores


def invert(
    generator: Generator,
    images: Images,
    *,
    encoder: Encoder | None,
    perceptual: PerceptualDistance | None,
    options: InversionOptions,
    on_step: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Find a code for every image, `micro_batch` images at a time.

    Images are independent: losses are summed over them and Adam works on each number alone, so the company that
    an image has in its batch does not matter. `on_step(done, total)` counts image-steps; what it raises passes through.

    Raises:
        ValueError: the images have another size than the generator's.
    """
    _check_size(generator, images)
    prior = latent_prior(generator)
    total, parts = len(images) * options.steps, []
    for first in range(0, len(images), options.micro_batch):
        batch = images[first : first + options.micro_batch]

        def progress(step: int, first: int = first, count: int = len(batch)) -> None:
            if on_step is not None:
                on_step(first * options.steps + step * count, total)

        start = start_codes(generator, encoder, batch)
        objective = _Objective(batch, start, prior, perceptual, options)
        parts.append(_refine(generator, objective, progress))
    ws = torch.cat(parts)
    with torch.no_grad():
        made = [generator.synthesize(part).images for part in ws.split(options.micro_batch)]
    reconstructions = torch.cat(made)
    return Inversion(ws, reconstructions, psnr_db(reconstructions, images))


def start_codes(generator: Generator, encoder: Encoder | None, images: Images) -> StyleCodes:
    """The encoder's codes, or the mean code for every image."""
    if encoder is not None:
        with torch.no_grad():
            return encoder(images)  # type: ignore[no-any-return]
    return generator.mapping.w_mean.expand(len(images), generator.config.num_ws, -1).clone()


def psnr_db(images: Images, references: Images) -> Scores:
    """Peak signal-to-noise ratio of each image after clipping to [-1, 1]."""
    error = (images.clamp(-1, 1) - references).square().mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(4.0 / error.clamp(min=1e-10))


def learning_rate_at(progress: float) -> float:
    """Linear ramp up over the first 5%, cosine ramp down over the last quarter (arXiv 1912.04958, appendix D)."""
    down = min(1.0, (1.0 - progress) / RAMP_DOWN)
    down = 0.5 - 0.5 * math.cos(down * math.pi)
    return down * min(1.0, progress / RAMP_UP)


@dataclass(frozen=True)
class _Objective:
    """What the codes of one micro-batch are pulled toward; one loss per image."""

    images: Images
    start: StyleCodes
    prior: LatentPrior
    perceptual: PerceptualDistance | None
    options: InversionOptions

    def losses(self, made: Images, ws: StyleCodes) -> Scores:
        """Terms of weight zero are not computed."""
        options = self.options
        losses = options.pixel_weight * (made - self.images).square().mean(dim=(1, 2, 3))
        if self.perceptual is not None and options.perceptual_weight:
            losses = losses + options.perceptual_weight * self.perceptual(made, self.images)
        if options.encoder_pull:
            pull = (ws - self.start).square().mean(dim=(1, 2))
            losses = losses + options.encoder_pull * pull
        if options.prior_weight:
            losses = losses + options.prior_weight * self.prior.distance(ws)
        return losses


def _refine(
    generator: Generator, objective: _Objective, on_step: Callable[[int], None]
) -> StyleCodes:
    """Adam on the codes; returns each image's iterate with the smallest loss, the start included."""
    start, options = objective.start, objective.options
    ws = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([ws], lr=options.learning_rate)
    best, best_loss = start.clone(), torch.full((len(start),), math.inf, device=start.device)
    for step in range(options.steps + 1):
        losses = objective.losses(generator.synthesize(ws).images, ws)
        better = losses.detach() < best_loss
        best = torch.where(better[:, None, None], ws.detach(), best)
        best_loss = torch.where(better, losses.detach(), best_loss)
        if step == options.steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * learning_rate_at((step + 1) / options.steps)
        (ws.grad,) = torch.autograd.grad(losses.sum(), ws)
        optimizer.step()
        on_step(step + 1)
    return best


def _check_size(generator: Generator, images: Images) -> None:
    expected, found = generator.config.image_px, (images.shape[2], images.shape[3])
    if expected != found:
        raise ValueError(
            f"images have {found[0]}x{found[1]} px (height x width), the generator makes "
            f"{expected[0]}x{expected[1]}; resize the images"
        )
