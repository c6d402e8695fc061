"""Trains an inversion encoder on a generator's own samples: one step at a time, from nothing but the generator.

Half of the samples mix several styles, so that the encoder learns to predict a different w for every layer; inputs are
blurred and made noisy at random, because real images do not look exactly like samples.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from models.arrays import Images, StyleCodes
from models.inversion.encoder import Encoder, EncoderConfig
from models.inversion.prior import latent_prior
from models.stylegan2.discriminator import Discriminator
from models.stylegan2.generator import Generator


@dataclass(frozen=True, kw_only=True)
class EncoderTrainingOptions:
    """`code_weight` weighs the code's error in units of its deviation, `image_weight` that of the image it makes."""

    learning_rate: float = 1e-3
    code_weight: float = 0.1
    image_weight: float = 1.0
    style_mixing: float = 0.5
    noise_deviation: float = 0.05


def start_encoder(generator: Generator, discriminator: Discriminator) -> Encoder:
    """A fresh encoder on the discriminator's trunk, centred on the generator's codes."""
    config = EncoderConfig.for_generator(generator.config, discriminator.config)
    encoder = Encoder(config)
    encoder.start_from(discriminator)
    prior = latent_prior(generator)
    encoder.w_mean.copy_(prior.w_mean)
    encoder.w_deviation.copy_(prior.w_deviation)
    return encoder.to(prior.w_mean.device)


def encoder_loss(
    encoder: Encoder, generator: Generator, count: int, options: EncoderTrainingOptions
) -> dict[str, torch.Tensor]:
    """Losses on `count` fresh samples by name; `total` is the one to minimise."""
    with torch.no_grad():
        ws = sample_codes(generator, count, options.style_mixing)
        images = generator.synthesize(ws).images.clamp(-1, 1)
    predicted = encoder(degrade(images, options.noise_deviation))
    code = ((predicted - ws) / encoder.w_deviation).square().mean()
    image = F.mse_loss(generator.synthesize(predicted).images, images)
    total = options.code_weight * code + options.image_weight * image
    return {"total": total, "code": code.detach(), "image": image.detach()}


def sample_codes(generator: Generator, count: int, mixing: float) -> StyleCodes:
    """W+ codes of random latents; a share of `mixing` take every layer from one of two latents at random."""
    config, device = generator.config, generator.mapping.w_mean.device
    first = generator.map(torch.randn(count, config.z_dim, device=device))
    second = generator.map(torch.randn(count, config.z_dim, device=device))
    mixed = torch.rand(count, 1, 1, device=device) < mixing
    swap = torch.rand(count, config.num_ws, 1, device=device) < 0.5
    return torch.where(mixed & swap, second, first)


def degrade(images: Images, noise_deviation: float) -> Images:
    """A random amount of noise for each image, and a light blur for half of them."""
    amount = torch.rand(len(images), 1, 1, 1, device=images.device) * noise_deviation
    noisy = images + torch.randn_like(images) * amount
    blurred = F.avg_pool2d(F.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(chosen, 0.5 * (noisy + blurred), noisy)
