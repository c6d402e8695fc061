"""Portraits of a split as two arrays, for benchmarks. They are rendered once and cached in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.portraits.classes import IMAGE_PX
from examples.portraits.many import render_many
from examples.portraits.splits import seed_of


@dataclass(frozen=True)
class Renderings:
    """images: uint8 [n, 64, 64, 3]; masks: uint8 [n, 64, 64], indices of `Part`."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]


def render_pairs(seed: int, indices: Sequence[int], *, processes: int = 1) -> Renderings:
    """Render the portraits of a seed with their masks, in the order of the indices."""
    images = np.empty((len(indices), IMAGE_PX, IMAGE_PX, 3), np.uint8)
    masks = np.empty((len(indices), IMAGE_PX, IMAGE_PX), np.uint8)
    renderings = render_many(seed, indices, processes=processes)
    for row, rendering in enumerate(renderings):
        images[row], masks[row] = rendering.image, rendering.mask
    return Renderings(images, masks)


def cached_renderings(folder: Path, split: str, count: int, *, processes: int = 1) -> Renderings:
    """Return the first `count` portraits of a split, from the cache in `folder` if it has them.

    The file name contains only split and count. Delete the file when the population of portraits changes.
    """
    path = folder / f"renderings-{split}-{count}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pairs = render_pairs(seed_of(split), range(count), processes=processes)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, images=pairs.images, masks=pairs.masks)
        unfinished.replace(path)
    with np.load(path) as arrays:
        return Renderings(arrays["images"], arrays["masks"])
