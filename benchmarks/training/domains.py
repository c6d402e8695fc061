"""The images on which recipes are compared: rendered portraits, and photographs of faces outside the repository."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from benchmarks.segmenter.network import to_input
from examples.portraits.many import render_images
from examples.portraits.splits import seed_of

DomainName = Literal["portraits", "faces"]
DOMAINS: tuple[DomainName, ...] = ("portraits", "faces")
NUM_PORTRAITS = 4_000
PX = 32


@dataclass(frozen=True)
class Domain:
    """Unlabelled training images, float32 [n, 3, px, px] in [-1, 1]."""

    name: DomainName
    images: Tensor

    def batches(self, batch: int, seed: int) -> Iterator[Tensor]:
        """Yield batches without end. A seed gives the same order of images for every batch size."""
        rng = np.random.default_rng(seed)
        order = np.empty(0, np.int64)
        while True:
            while len(order) < batch:
                order = np.concatenate([order, rng.permutation(len(self.images))])
            yield self.images[torch.from_numpy(order[:batch])]
            order = order[batch:]


def read_domain(name: DomainName, cache: Path, faces: Path | None) -> Domain:
    """Return a domain at 32 px, each image the mean of 2 x 2 pixels of one at 64 px.

    Raises:
        ValueError: the domain is `faces` and the folder of faces is not given.
    """
    if name == "faces" and faces is None:
        raise ValueError("expected a folder of faces, got none; pass --data FOLDER")
    path = cache / f"{name}-{PX}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pixels = _portraits() if faces is None or name == "portraits" else _faces(faces)
        np.savez(path, images=halved(to_input(pixels)).numpy())
    with np.load(path) as arrays:
        return Domain(name, torch.from_numpy(arrays["images"]))


def halved(images: Tensor) -> Tensor:
    """Return images of half the size: [n, 3, h, w] => [n, 3, h / 2, w / 2]."""
    return F.avg_pool2d(images, 2)


def _portraits() -> NDArray[np.uint8]:
    return np.stack(list(render_images(seed_of("generator"), range(NUM_PORTRAITS))))


def _faces(folder: Path) -> NDArray[np.uint8]:
    paths = sorted((folder / "images64" / "unlabelled_ffhq").iterdir())
    if not paths:
        raise ValueError(f"expected photographs in {folder}/images64/unlabelled_ffhq, found none")
    return np.stack([_pixels(path) for path in paths])


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))
