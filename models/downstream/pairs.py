"""Images with labels that a downstream network learns from: one set, or a mixture of real and synthetic pairs.

Images: uint8 [n, 3, h, w], values 0..255. Labels have the size of the images.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from models.tasks.task_set import Labels

PixelImages = UInt8[Tensor, "images 3 height width"]


@dataclass(frozen=True)
class Part:
    """Consecutive pairs of one source: how many, and their share of every batch. The shares of all parts sum to 1."""

    count: int
    share: float


@dataclass(frozen=True)
class Pairs:
    """Images and their labels. `parts` are the sources of a mixture, in the order of the images.

    Validation images come from the first part only: it is the real one in a mixture.
    """

    images: PixelImages
    labels: Labels
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels) or len(self.images) == 0:
            raise ValueError(
                f"expected labels for every image and at least 1 image, got {len(self.images)} images and labels for"
                f" {len(self.labels)}"
            )
        if tuple(self.images.shape[2:]) != self.labels.label_px:
            raise ValueError(
                f"expected labels of the size of the images, {tuple(self.images.shape[2:])}, got"
                f" {self.labels.label_px}; resize one of them"
            )
        counts, shares = [one.count for one in self.parts], [one.share for one in self.parts]
        if sum(counts) != len(self.images) or min(counts) < 1 or min(shares) < 0:
            raise ValueError(f"expected parts that cover {len(self.images)} images, got {counts}")
        if abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"expected shares of the parts that sum to 1, got {shares}")

    @classmethod
    def of(cls, images: PixelImages, labels: Labels) -> "Pairs":
        """Return pairs of one source."""
        return cls(images, labels, (Part(len(images), 1.0),))

    @classmethod
    def mixed(cls, real: "Pairs", synthetic: "Pairs", real_share: float = 0.5) -> "Pairs":
        """Return a mixture in which `real_share` of every batch is real. Both have the same tasks and size."""
        by_task = {
            name: torch.cat([tensor, synthetic.labels[name].to(tensor.dtype)])
            for name, tensor in real.labels.by_task.items()
        }
        return cls(
            torch.cat([real.images, synthetic.images]),
            Labels(real.labels.label_px, **by_task),
            (Part(len(real), real_share), Part(len(synthetic), 1.0 - real_share)),
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def px(self) -> tuple[int, int]:
        """Height and width."""
        return self.labels.label_px

    def select(self, rows: Int[Tensor, " chosen"]) -> "Pairs":
        """Return some pairs as one source."""
        return Pairs.of(self.images[rows], self.labels.select(rows))

    def without(self, rows: Int[Tensor, " held_out"]) -> "Pairs":
        """Return the other pairs; every part keeps its share and loses the rows that lie in it."""
        kept = torch.ones(len(self), dtype=torch.bool)
        kept[rows] = False
        counts = [int(piece.sum()) for piece in kept.split([one.count for one in self.parts])]
        parts = tuple(Part(n, one.share) for n, one in zip(counts, self.parts, strict=True))
        left = kept.nonzero().flatten()
        return Pairs(self.images[left], self.labels.select(left), parts)
