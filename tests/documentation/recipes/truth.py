"""The samples that a recipe should train on, to compare them with its record."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_client import BatchFolder
from handsoff_client.torch import HandsOffDataset

Array = NDArray[Any]
Record = Mapping[str, Array]


@dataclass(frozen=True)
class Truth:
    """The index and the mask of each image. Real images have the indices -1, -2, ..."""

    samples: Mapping[str, tuple[int, Array]]

    def __or__(self, other: "Truth") -> "Truth":
        return Truth({**self.samples, **other.samples})

    def mask(self, index: int) -> Array:
        """Return the mask of a sample."""
        return next(mask for number, mask in self.samples.values() if number == index)

    def indices(self, record: Record) -> list[int]:
        """Return the index of each recorded image. Its recorded labels must be its mask."""
        indices = []
        for image, labels in zip(record["images"], record["labels"], strict=True):
            index, mask = self.samples[_digest(image)]
            np.testing.assert_array_equal(labels, mask)
            indices.append(index)
        return indices


def of_batch(folder: Path) -> Truth:
    """Return the samples of a downloaded batch."""
    samples = BatchFolder.open(folder).samples()
    return _truth((int(s.facts["index"]), s.image.transpose(2, 0, 1), s.mask) for s in samples)


def of_dataset(samples: Iterable[Any]) -> Truth:
    """Return samples that the client has read as tensors."""
    return _truth((s["index"], s["image"].numpy(), s["mask"].numpy()) for s in samples)


def of_pairs(folder: Path) -> Truth:
    """Return the real images of an upload, in the order of their names."""
    images = sorted((folder / "images").iterdir())
    arrays = [np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1) for path in images]
    masks = [np.asarray(Image.open(folder / "masks" / f"{path.stem}.png")) for path in images]
    numbers = range(-1, -1 - len(images), -1)
    return _truth(zip(numbers, arrays, masks, strict=True))


def order_of(data: HandsOffDataset, num_samples: int) -> list[int]:
    """Return the indices of the first samples of a loop that is never interrupted."""
    indices: list[int] = []
    while len(indices) < num_samples:
        for batch in data.loader():
            indices += batch["index"].tolist()
            if len(indices) >= num_samples:
                break
    return indices[:num_samples]


def is_augmented(labels: Array, mask: Array, ignored: int, *, max_shift: int) -> bool:
    """Tell whether labels of twice the size are a mask, maybe mirrored, shifted by whole pixels, padded as ignored."""
    small = labels[::2, ::2]
    if not np.array_equal(labels, small.repeat(2, axis=0).repeat(2, axis=1)):
        return False
    padded = [np.pad(one, max_shift, constant_values=ignored) for one in (mask, mask[:, ::-1])]
    height, width = mask.shape
    shifts = range(2 * max_shift + 1)
    windows = (one[y : y + height, x : x + width] for one in padded for y in shifts for x in shifts)
    return any(np.array_equal(small, window) for window in windows)


def interior(mask: Array) -> Array:
    """Return where a pixel and its eight neighbors have one class."""
    padded = np.pad(mask, 1, mode="edge")
    height, width = mask.shape
    windows = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    same: Array = np.logical_and.reduce([window == mask for window in windows])
    return same


def _truth(samples: Iterable[tuple[int, Array, Array | None]]) -> Truth:
    found: dict[str, tuple[int, Array]] = {}
    for index, image, mask in samples:
        assert mask is not None
        found[_digest(image)] = (index, mask)
    return Truth(found)


def _digest(image: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(image, dtype=np.uint8).tobytes()).hexdigest()
