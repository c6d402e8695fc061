"""A folder of images as an endless, shuffled source of training batches that can go on from any position."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


class ImageFolder:
    """All images under `folder`, each of the same size; decoded when they are asked for.

    Raises:
        ValueError: the folder holds no image, or an image has another size than the first.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not self.paths:
            raise ValueError(f"{folder} holds no PNG, JPEG or WebP image; name a folder that does")
        width, height = _size(self.paths[0])
        self.image_px = (height, width)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: list[int]) -> Tensor:
        """Images [n, 3, h, w], float32 in [-1, 1]."""
        pixels = np.stack([self._decode(self.paths[i]) for i in indices])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)

    def batches(
        self, batch: int, *, seed: int, skip_images: int = 0, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Tensor]:
        """Endless batches: every pass over the folder has its own order, a pure function of the seed and the pass.

        A `share` of (k, n) reads only the k-th of every n images: n processes divide the same batches.
        """
        first, step = share
        position = skip_images
        while True:
            yield self.read([self._index(position + i, seed) for i in range(first, batch, step)])
            position += batch

    def _index(self, position: int, seed: int) -> int:
        turn, offset = divmod(position, len(self))
        if getattr(self, "_turn", None) != (seed, turn):
            self._order = np.random.default_rng([seed, turn]).permutation(len(self))
            self._turn = (seed, turn)
        return int(self._order[offset])

    def _decode(self, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            if image.size[::-1] != self.image_px:
                height, width = self.image_px
                raise ValueError(
                    f"{path} has {image.width}x{image.height} px, the folder's first image "
                    f"{width}x{height}; crop or resize all images to one size"
                )
            return np.asarray(image.convert("RGB"))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=IMAGE_FORMATS) as image:
        return image.size


def write_grid(images: Tensor, path: Path, *, columns: int = 8) -> None:
    """Images [n, 3, h, w] in [-1, 1] as one PNG, row by row."""
    pixels = images.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.hstack(list(pixels[i : i + columns])) for i in range(0, len(pixels), columns)]
    Image.fromarray(np.vstack(rows)).save(path)
