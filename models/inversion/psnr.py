"""Peak signal-to-noise ratio: how close reconstructions are to their images, in decibels."""

import torch

from models.arrays import Images, Scores


def psnr_db(images: Images, references: Images) -> Scores:
    """Return the PSNR of each image after clipping to [-1, 1], at most 106 dB."""
    # 10 log10(peak^2 / mse): images span [-1, 1], so the peak is 2. The bound on the error, 1e-10, gives 106 dB.
    error = (images.clamp(-1, 1) - references).square().mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(4.0 / error.clamp(min=1e-10))
