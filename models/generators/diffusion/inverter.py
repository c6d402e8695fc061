"""The inversion of a diffusion generator: the identity, because its codes are images."""

import math
from collections.abc import Callable

import torch

from models.arrays import Images
from models.generators.generator import Generator
from models.inversion.inverter import Inversion
from models.inversion.psnr import psnr_db


class IdentityInverter:
    """Implements `models/inversion/inverter.py` without a step; the PSNR is its largest value, 106 dB."""

    is_exact = True

    def __init__(self, generator: Generator) -> None:
        height, width = generator.layout.image_px
        self.image_bytes = (
            4 * 4 * 3 * height * width
        )  # float32: the image, and the error for its PSNR

    def invert(
        self,
        images: Images,
        *,
        fails_below_db: float = -math.inf,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Inversion:
        """Return the images as codes."""
        steps = torch.zeros(len(images), dtype=torch.long, device=images.device)
        return Inversion(images, images, psnr_db(images, images), steps)
