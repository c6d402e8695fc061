"""A folder of images as an endless, shuffled source of training batches that can resume at any position."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from workers.training.training_options import InputError

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


class ImageFolder:
    """All images under `folder`, which must have one size. They are decoded on access.

    Raises:
        InputError: the folder contains no image, or an image cannot be read or differs in size from the first.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not self.paths:
            raise InputError(
                f"expected PNG, JPEG or WebP images in {folder}, found none; name another folder"
            )
        with opened(self.paths[0]) as image:
            self.image_px = (image.height, image.width)

    def __len__(self) -> int:
        return len(self.paths)

    def check(self) -> None:
        """Check the header of every image, so that no training fails after hours because one differs in size."""
        for path in self.paths:
            with opened(path) as image:
                self._check_size(path, image)

    def read(self, indices: list[int]) -> Tensor:
        """Return images [n, 3, h, w], float32 in [-1, 1]."""
        pixels = np.stack([self._decode(self.paths[i]) for i in indices])
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

    def _decode(self, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        with opened(path) as image:
            self._check_size(path, image)
            return np.asarray(image.convert("RGB"))

    def _check_size(self, path: Path, image: Image.Image) -> None:
        height, width = self.image_px
        if image.size != (width, height):
            raise InputError(
                f"expected {width}x{height} px as in the folder's first image, got {image.width}x{image.height} px in"
                f" {path}; crop or resize all images to one size"
            )


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image. An error of Pillow inside the block becomes an `InputError` that names the file."""
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            yield image
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(
            f"{path} cannot be read as PNG, JPEG or WebP ({reason}); replace it or remove it from the folder"
        ) from error


def write_grid(images: Tensor, path: Path, *, columns: int = 8) -> None:
    """Write images [n, 3, h, w] in [-1, 1] as one PNG, row by row."""
    pixels = images.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.hstack(list(pixels[i : i + columns])) for i in range(0, len(pixels), columns)]
    Image.fromarray(np.vstack(rows)).save(path)
