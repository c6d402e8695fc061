"""The training data of an inversion encoder: a generator's own samples, whose codes are known, and the loss on them.

Half of the samples mix several styles, so that the encoder learns to predict a different w for every layer; inputs are
blurred and made noisy at random, because real images do not look exactly like samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, encode


@dataclass(frozen=True, kw_only=True)
class EncoderTrainingOptions:
    """`code_weight` weighs the code's error in units of its standard deviation, `image_weight` that of its image.

    The values that a caller may choose have their defaults in `contracts/generators/inverters.py`.
    """

    total_images: int
    batch: int
    learning_rate: float
    code_weight: float = 0.1
    image_weight: float = 1.0
    style_mixing: float = 0.5  # the share of samples with two styles
    noise_std: float = 0.05  # the most; the range of images is 2


def encoder_loss(
    encoder: Encoder, generator: Generator, options: EncoderTrainingOptions, rng: torch.Generator
) -> dict[str, Tensor]:
    """Return the losses on a batch of new samples by name; `total` is minimized. `rng` decides the samples."""
    with torch.no_grad():
        # [batch, num_ws, w_dim] => images [batch, 3, h, w] in [-1, 1]
        ws = sample_codes(generator, options.batch, options.style_mixing, rng)
        images = generator.synthesize(ws).images.clamp(-1, 1)
        seen = degrade(images, options.noise_std, rng)
        # The passes before the trained one run without gradients.
        num_done = _random_pass(encoder, rng)
        codes = encode(generator, encoder, seen, num_done)
        reconstructions = generator.synthesize(codes).images
    predicted = encoder(seen, reconstructions, codes)
    # The target is the clean image: the encoder learns to ignore blur and noise.
    code = ((predicted - ws) / encoder.w_deviation).square().mean()
    image = F.mse_loss(generator.synthesize(predicted).images, images)
    total = options.code_weight * code + options.image_weight * image
    return {"total": total, "code": code.detach(), "image": image.detach()}


def _random_pass(encoder: Encoder, rng: torch.Generator) -> int:
    """Draw the pass that a batch trains. ReStyle trains all passes on every batch, which costs that many times more."""
    passes = torch.randint(encoder.config.num_passes, (), generator=rng, device=rng.device)
    return int(passes)


def sample_codes(
    generator: Generator, count: int, mixing: float, rng: torch.Generator
) -> StyleCodes:
    """Return W+ codes of random latents; a share of `mixing` takes every layer from one of two latents at random."""
    config, device = generator.config, rng.device
    first, second = (
        generator.map(torch.randn(count, config.z_dim, generator=rng, device=device))
        for _ in range(2)
    )
    # Each layer takes either code independently; style mixing in a generator's training switches once instead.
    # [n, 1, 1] & [n, num_ws, 1] selects between two codes [n, num_ws, w_dim]
    mixed = torch.rand(count, 1, 1, generator=rng, device=device) < mixing
    swap = torch.rand(count, config.num_ws, 1, generator=rng, device=device) < 0.5
    return torch.where(mixed & swap, second, first)


def degrade(images: Images, noise_std: float, rng: torch.Generator) -> Images:
    """Add a random amount of noise to each image, and blur half of them lightly."""
    amount, choice = torch.rand(2, len(images), 1, 1, 1, generator=rng, device=images.device)
    noise = torch.randn(images.shape, generator=rng, device=images.device)
    noisy = images + noise * (amount * noise_std)
    # the mean of the image and its 3 x 3 box blur
    blurred = F.avg_pool2d(F.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.where(choice < 0.5, 0.5 * (noisy + blurred), noisy)
