"""Constraints on the classes of a sample: at least, or less than, a share of its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

ClassShares = Float[Tensor, "batch classes"]
"""The share of each class in the pixels of each image."""
Flags = Bool[Tensor, " batch"]


@dataclass(frozen=True)
class Constraint:
    """A sample contains a class if the class has at least `min_pixels`, a share, of its pixels."""

    class_index: int
    min_pixels: float

    def is_met(self, shares: ClassShares) -> Flags:
        """Return whether each image contains the class."""
        return shares[:, self.class_index] >= self.min_pixels


def are_met(
    constraints: Sequence[Constraint], expected: Sequence[bool], shares: ClassShares
) -> Flags:
    """Return whether each image contains exactly the classes that it is expected to contain."""
    met = torch.ones(len(shares), dtype=torch.bool, device=shares.device)
    for constraint, value in zip(constraints, expected, strict=True):
        met &= constraint.is_met(shares) == value
    return met
