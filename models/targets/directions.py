"""Directions in the space of vectors that change the share of one class and keep the shares of the others.

As in "Interpreting the latent space of GANs" (InterFaceGAN, Shen et al., arXiv 1907.10786, section 2.2: conditional
manipulation by projection), with a regression of class shares in place of a classifier's boundary.
"""

from collections.abc import Sequence

import torch

from models.arrays import Shift, StyleVectors
from models.targets.constraints import ClassShares
from models.targets.regression import Whitening, regress

MIN_SLOPE = 1e-9
"""The least change of a share for one standard deviation of the codes: below it there is only rounding."""


class NoDirection(Exception):
    """The share of a class, `number`, follows from no direction that keeps the other classes."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the share of class {number} does not depend on the codes")


def class_directions(
    vectors: StyleVectors, shares: ClassShares, classes: Sequence[int]
) -> list[Shift]:
    """Return the direction of each class: one standard deviation of the samples toward more of it.

    The step is measured in whitened coordinates, where it has length 1, so every direction is as far from the mean.

    Raises:
        NoDirection: a class is as large in every sample, such as one that never occurs.
    """
    whitening = Whitening.of(vectors.double())
    slopes = regress(vectors, shares).slopes  # [w_dim, classes]
    white = whitening.spread @ slopes  # slopes per standard deviation [rank, classes]
    return [_direction(white, number) @ whitening.spread for number in classes]


def _direction(white: torch.Tensor, number: int) -> torch.Tensor:
    """Return the unit vector toward more of a class that leaves the predicted shares of all others but one.

    Shares add up to 1, so the slopes add up to 0 and a class cannot grow alone. The class that gives way is the one
    whose share falls most where this one's rises; it is the only one that is not held.
    """
    target = white[:, number]
    against = white.T @ target
    against[number] = torch.inf
    giving_way = int(against.argmin())
    held = [k for k in range(white.shape[1]) if k not in (number, giving_way)]
    basis, sizes, _ = torch.linalg.svd(white[:, held], full_matrices=False)
    basis = basis[:, sizes > 1e-6 * max(float(sizes.max()), 1e-12)] if held else basis
    free = target - basis @ (basis.T @ target)
    if float(free.norm()) <= MIN_SLOPE:
        raise NoDirection(number)
    unit: torch.Tensor = free / free.norm()
    return unit
