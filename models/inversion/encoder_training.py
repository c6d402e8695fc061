"""What an inversion encoder learns from: a generator's own samples, whose codes are known, and the loss on them.

Half of the samples mix several styles, so that the encoder learns to predict a different w for every layer; inputs are
blurred and made noisy at random, because real images do not look exactly like samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.inversion.encoder import Encoder, encode


@dataclass(frozen=True, kw_only=True)
class EncoderTrainingOptions:
    """`code_weight` weighs the code's error in units of its deviation, `image_weight` that of the image it makes."""

    total_images: int = 40_000
    batch: int = 16
    learning_rate: float = 1e-3
    code_weight: float = 0.1
    image_weight: float = 1.0
    style_mixing: float = 0.5
    noise_deviation: float = 0.05


def encoder_loss(
    encoder: Encoder, generator: Generator, options: EncoderTrainingOptions, chance: torch.Generator
) -> dict[str, Tensor]:
    """Losses on a batch of fresh samples by name; `total` is the one to minimise. `chance` decides the samples."""
    with torch.no_grad():
        ws = sample_codes(generator, options.batch, options.style_mixing, chance)
        images = generator.synthesize(ws).images.clamp(-1, 1)
        seen = degrade(images, options.noise_deviation, chance)
        num_done = _random_pass(encoder, chance)
        codes = encode(generator, encoder, seen, num_done)
        made = generator.synthesize(codes).images
    predicted = encoder(seen, made, codes)
    code = ((predicted - ws) / encoder.w_deviation).square().mean()
    image = F.mse_loss(generator.synthesize(predicted).images, images)
    total = options.code_weight * code + options.image_weight * image
    return {"total": total, "code": code.detach(), "image": image.detach()}


def _random_pass(encoder: Encoder, chance: torch.Generator) -> int:
    """Which pass a batch trains: ReStyle trains all of them on every batch, at as many times the cost."""
    passes = torch.randint(encoder.config.num_passes, (), generator=chance, device=chance.device)
    return int(passes)


def sample_codes(
    generator: Generator, count: int, mixing: float, chance: torch.Generator
) -> StyleCodes:
    """W+ codes of random latents; a share of `mixing` take every layer from one of two latents at random."""
    config, device = generator.config, chance.device
    first, second = (
        generator.map(torch.randn(count, config.z_dim, generator=chance, device=device))
        for _ in range(2)
    )
    mixed = torch.rand(count, 1, 1, generator=chance, device=device) < mixing
    swap = torch.rand(count, config.num_ws, 1, generator=chance, device=device) < 0.5
    return torch.where(mixed & swap, second, first)


def degrade(images: Images, noise_deviation: float, chance: torch.Generator) -> Images:
    """A random amount of noise for each image, and a light blur for half of them."""
    amount, choice = torch.rand(2, len(images), 1, 1, 1, generator=chance, device=images.device)
    noise = torch.randn(images.shape, generator=chance, device=images.device)
    noisy = images + noise * (amount * noise_deviation)
    blurred = F.avg_pool2d(F.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.where(choice < 0.5, 0.5 * (noisy + blurred), noisy)
