"""The images of a training: a folder that is decoded on access, or an array of pixels. Endless batches of both."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from workers.training.images.reading import Pixels, Reading, read_image


class ImageSource(Protocol):
    """Images of one size, by index."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int]) -> Tensor:
        """Return images [n, 3, h, w], float32 in [-1, 1]."""


class ImageFolder:
    """Image files, decoded on access; every one has the size of the reading afterwards."""

    def __init__(self, paths: list[Path], reading: Reading) -> None:
        self.paths = paths
        self.reading = reading

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: Sequence[int]) -> Tensor:
        """Return images [n, 3, h, w], float32 in [-1, 1].

        Raises:
            InputError: a file cannot be read.
        """
        return _as_images(np.stack([read_image(self.paths[i], self.reading) for i in indices]))


class ImageArray:
    """Decoded images in a file of NumPy: uint8 [n, h, w, c], where c is 3, or 1 for grey images."""

    def __init__(self, path: Path) -> None:
        self._pixels: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)

    def __len__(self) -> int:
        return len(self._pixels)

    def read(self, indices: Sequence[int]) -> Tensor:
        """Return images [n, 3, h, w], float32 in [-1, 1]. Grey ones have three equal channels."""
        # Each row alone: fancy indexing of a memory map reads the same pages, in another order.
        return _as_images(np.stack([self._pixels[i] for i in indices]))


class Batches:
    """Endless batches of a source. The order of an epoch, and the flips, depend only on the seed and the position.

    A `share` of (k, n) yields only the k-th of every n images, so that n processes divide the same batches.
    """

    def __init__(
        self,
        source: ImageSource,
        batch: int,
        *,
        seed: int,
        flips: bool = False,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.source = source
        self._batch = batch
        self._seed = seed
        self._flips = flips
        self._share = share
        self._epoch: int | None = None

    def after(self, images_seen: int) -> Iterator[Tensor]:
        """Yield the batches [n, 3, h, w] that follow the first `images_seen` images."""
        first, step = self._share
        position = images_seen
        while True:
            positions = range(position + first, position + self._batch, step)
            images = self.source.read([self._index(each) for each in positions])
            yield self._flipped(images, positions) if self._flips else images
            position += self._batch

    def _index(self, position: int) -> int:
        epoch, offset = divmod(position, len(self.source))
        if self._epoch != epoch:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self.source))
            self._epoch = epoch
        return int(self._order[offset])

    def _flipped(self, images: Tensor, positions: range) -> Tensor:
        """Mirror half of the images, left to right."""
        coins = [np.random.default_rng([self._seed, 1, each]).random() < 0.5 for each in positions]
        return torch.where(torch.tensor(coins)[:, None, None, None], images.flip(-1), images)


def _as_images(pixels: Pixels) -> Tensor:
    """uint8 [n, h, w, c] => float32 [n, 3, h, w] in [-1, 1]."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
    return images.expand(-1, 3, -1, -1)
