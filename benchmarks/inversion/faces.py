"""Photographs of faces with masks of 8 classes, read from a folder outside the repository."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.segmenter.network import to_input

SPLITS = {"labelled": "label_train_50", "heldout": "label_val"}


@dataclass(frozen=True)
class Faces:
    """images float32 [n, 3, 64, 64] in [-1, 1]; masks int64 [n, 64, 64]."""

    images: Tensor
    masks: Tensor
    num_classes: int


def read_faces(folder: Path, split: str, count: int) -> Faces:
    """Return the first `count` faces of a split. Raises `FileNotFoundError` when the data is missing."""
    names = read_split(folder, SPLITS[split])[:count]
    classes = json.loads((folder / "meta.json").read_text())["classes8"]
    images = [read_pixels(image_path(folder, name), "RGB") for name in names]
    masks = [read_pixels(mask_path(folder, name), "L") for name in names]
    return Faces(to_input(np.stack(images)), torch.from_numpy(np.stack(masks)).long(), len(classes))


def read_split(folder: Path, split: str) -> list[str]:
    """Return the names of the faces in a split; `split` is the data set's own name for it."""
    names: list[str] = json.loads((folder / "split.json").read_text())[split]
    return names


def image_path(folder: Path, name: str) -> Path:
    """Return the path of a labelled photograph at 64 px."""
    return folder / "images64" / "labelled" / f"{name}.jpg"


def mask_path(folder: Path, name: str) -> Path:
    """Return the path of its mask of 8 classes."""
    return folder / "mask8_64" / f"{name}.png"


def read_pixels(path: Path, mode: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Return an image as bytes, [h, w, 3] in mode RGB and [h, w] in mode L."""
    with Image.open(path) as image:
        return np.array(image.convert(mode))
