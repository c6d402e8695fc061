"""Peak signal-to-noise ratio: how close reconstructions are to their images, in decibels."""

import torch

from models.arrays import Images, Scores


def psnr_db(images: Images, references: Images) -> Scores:
    """Return the ratio of each image after clipping to [-1, 1]; the peak is 2, its square 4, and 106 dB is exact."""
    error = (images.clamp(-1, 1) - references).square().mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(4.0 / error.clamp(min=1e-10))
