"""Inversion as every family offers it: images in, the codes whose images come closest out.

A GAN trains an encoder and optimises codes; for a family whose codes are images, it is the identity.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from models.arrays import Codes, Images, Scores


@dataclass(frozen=True)
class Inversion:
    """Codes, their images (not clipped), the quality of these (decibels, peak 2), and the steps taken per image."""

    codes: Codes
    reconstructions: Images
    psnr_db: Scores
    steps: Int[Tensor, " batch"]


@runtime_checkable  # beartype checks it in tests
class Inverter(Protocol):
    """A generator with everything that inverts images of its size, prepared once and used for every micro-batch."""

    @property
    def image_bytes(self) -> int:
        """The most memory that one image takes while it is inverted."""

    def invert(
        self,
        images: Images,
        *,
        fails_below_db: float = -math.inf,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Inversion:
        """Invert one micro-batch of images in [-1, 1] on the generator's device.

        Below `fails_below_db` an image counts as failed: a family may then try other starts. `on_step(done, total)`
        is called after every step; its exceptions pass through.
        """
