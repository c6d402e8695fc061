"""The protocol of inversion: from images to the codes that reconstruct them best, for every generator family.

A GAN trains an encoder and optimizes codes; for a family whose codes are images, inversion is the identity.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from models.arrays import Classes, Codes, Images, Scores
from models.states import Resumption


@dataclass(frozen=True)
class Inversion:
    """Codes, their images (not clipped), the quality of the images (PSNR in decibels, peak 2), and steps per image."""

    codes: Codes  # [n, ...]
    reconstructions: Images  # [n, 3, h, w]
    psnr_db: Scores  # [n]
    steps: Int[Tensor, " batch"]


@runtime_checkable  # beartype checks it in tests
class Inverter(Protocol):
    """A generator and what its inversion needs, prepared once and used for every micro-batch."""

    @property
    def is_exact(self) -> bool:
        """Whether every reconstruction equals its image; then a fit compares nothing with the generator's samples."""

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


@runtime_checkable
class ConditionalInverter(Inverter, Protocol):
    """An inverter that uses the classes of images. A family without use for them implements `Inverter` alone."""

    def with_condition(self, condition: Classes) -> Inverter:
        """Return the inverter of the micro-batch whose images have these classes, [n], on the generator's device."""


@runtime_checkable
class ResumableInverter(Inverter, Protocol):
    """An inverter that takes minutes. One that takes moments implements `Inverter` alone."""

    def resuming(self, resumption: Resumption) -> Inverter:
        """Return the inverter of one micro-batch that continues from a state.

        Its `invert` raises `StateRefused` for a state of other images.
        """
