"""A folder of images as an endless, shuffled source of training batches that can resume at any position."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workers.training.image_reading import Reading, read_image


class ImageFolder:
    """Image files, decoded on access; every one has the size of the reading afterwards."""

    def __init__(self, paths: list[Path], reading: Reading) -> None:
        self.paths = paths
        self.reading = reading

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: list[int]) -> Tensor:
        """Return images [n, 3, h, w], float32 in [-1, 1].

        Raises:
            InputError: a file cannot be read.
        """
        pixels = np.stack([read_image(self.paths[i], self.reading) for i in indices])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)

    def batches(
        self, batch: int, *, seed: int, skip_images: int = 0, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Tensor]:
        """Yield batches without end. The order of an epoch depends only on the seed and its number.

        A `share` of (k, n) yields only the k-th of every n images, so that n processes divide the same batches.
        """
        first, step = share
        position = skip_images
        while True:
            yield self.read([self._index(position + i, seed) for i in range(first, batch, step)])
            position += batch

    def _index(self, position: int, seed: int) -> int:
        epoch, offset = divmod(position, len(self))
        if getattr(self, "_epoch", None) != (seed, epoch):
            self._order = np.random.default_rng([seed, epoch]).permutation(len(self))
            self._epoch = (seed, epoch)
        return int(self._order[offset])


def write_grid(images: Tensor, path: Path, *, columns: int = 8) -> None:
    """Write images [n, 3, h, w] in [-1, 1] as one PNG, row by row."""
    pixels = images.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.hstack(list(pixels[i : i + columns])) for i in range(0, len(pixels), columns)]
    Image.fromarray(np.vstack(rows)).save(path)
