"""The protocol of generators: random draws to codes, codes to images and feature taps.

Each family (StyleGAN2 is the first) implements the `Generator` protocol in its own folder. Only the family knows what a
code is: W+ vectors for a GAN, a clean image for a diffusion model whose features are read at fixed noise levels. All
other code only indexes and splits codes along their first dimension.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from models.arrays import Classes, Codes, Images, Shift, StyleVectors, Taps
from models.sampling import Draws


@dataclass(frozen=True)
class Synthesis:
    """The result of one pass: images in [-1, 1] (not clipped), and the feature taps, lowest resolution first."""

    images: Images  # [n, 3, h, w]
    taps: Taps  # each [n, c_k, h_k, w_k]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The sizes of a generator. All px are (height, width); taps are ordered from the lowest resolution up.

    `num_classes` is the number of conditions, 0 for an unconditional generator. `synthesis_bytes` is the most memory
    that one image takes while it is rendered, in float32; micro-batches are sized by it.
    """

    image_px: tuple[int, int]
    num_classes: int
    tap_channels: tuple[
        int, ...
    ]  # together the length of a hypercolumn: 5,888 for a 256 px StyleGAN2
    tap_px: tuple[tuple[int, int], ...]
    synthesis_bytes: int

    @property
    def tap_bytes(self) -> int:
        """The bytes of one image's feature taps in float32."""
        # 1.2, 123 and 526 MB for StyleGAN2 of 64, 256 and 1024 px (LOG.md, "Labels at 1024 px")
        return 4 * sum(
            channels * height * width
            for channels, (height, width) in zip(self.tap_channels, self.tap_px, strict=True)
        )

    def first_tap(self, min_px: int) -> int:
        """Return the index of the lowest tap whose height and width are at least `min_px`, at most the image's size."""
        # Portraits gain 2 points of mIoU without the taps below 16 px, photographs of faces lose 2 (decision 0020).
        large = [min(px) >= min(min_px, *self.image_px) for px in self.tap_px]
        return large.index(True)


@runtime_checkable  # beartype checks it in tests
class Generator(Protocol):
    """A frozen generator on one device. Each row of a result depends on its own row of the input alone."""

    @property
    def layout(self) -> Layout: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def precision(self) -> torch.dtype:
        """The type in which the highest feature maps are computed."""

    # normal numbers => codes
    def sample(
        self, draws: Draws, truncation: float = 1.0, condition: Classes | None = None
    ) -> Codes:
        """Return one random code per draw, on this generator's device.

        `truncation` (psi, 1 = none) trades variety for quality; a family without it ignores the number. Without a
        `condition` a conditional generator derives the class of every sample from its draw.
        """

    # codes => images and taps
    def synthesize(self, codes: Codes) -> Synthesis: ...

    # Methods of torch.nn.Module, to move a generator to a device and to count its bytes.
    def to(self, device: torch.device) -> "Generator": ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def buffers(self) -> Iterator[Tensor]: ...


@runtime_checkable
class Mirrorable(Protocol):
    """A generator that finds the code of a mirrored image without an inversion."""

    # codes => codes
    def mirrored(self, codes: Codes) -> Codes:
        """Return the codes of the mirrored images."""


@runtime_checkable
class Steerable(Protocol):
    """A generator whose codes cost little to sample, and are moved by adding one vector to each.

    A model that makes the whole image while it samples, such as a diffusion model, is not one.
    """

    # codes => one vector per code
    def vectors(self, codes: Codes) -> StyleVectors:
        """Return the vector behind each code: linear functions of it predict the contents of the image."""

    # codes and one vector => codes
    def shifted(self, codes: Codes, shift: Shift) -> Codes:
        """Return the codes with `shift` added to the vector of each."""
