"""Real pairs of the downstream benchmark: rendered portraits, and photographs in folders outside the repository."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.inversion.faces import read_pixels, read_split
from benchmarks.segmenter.renderings import render_pairs
from contracts.schemas import LabelSchema
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.downstream.pairs import Pairs, PixelImages
from models.tasks.task_set import Labels

ORACLE_DRAW = 900
UNLABELLED_DRAW = 950


class RealData(Protocol):
    """Labelled images of one domain. `labelled` returns another set for each draw."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> LabelSchema: ...

    @property
    def heldout(self) -> Pairs: ...

    def labelled(self, draw: int, count: int) -> Pairs: ...

    def oracle(self, count: int) -> Pairs | None:
        """Return all real labels, or None if there are no more than `count`."""

    def unlabelled(self, count: int) -> PixelImages:
        """Return images of the domain that are in no other set, or all of them if there are fewer."""


@dataclass(frozen=True)
class Portraits:
    """Rendered portraits with exact masks, 64 x 64 px. The oracle's are others than those of the draws."""

    num_heldout: int
    num_oracle: int
    name: str = "portraits"

    @property
    def schema(self) -> LabelSchema:
        return LabelSchema(classes=CLASS_NAMES)

    def labelled(self, draw: int, count: int) -> Pairs:
        return _rendered("labelled", draw, count)

    def oracle(self, count: int) -> Pairs | None:
        return _rendered("labelled", ORACLE_DRAW, self.num_oracle)

    def unlabelled(self, count: int) -> PixelImages:
        return _rendered("labelled", UNLABELLED_DRAW, count).images

    @cached_property
    def heldout(self) -> Pairs:
        return _rendered("heldout", 0, self.num_heldout)


@dataclass(frozen=True)
class Photographs:
    """Photographs of 64 x 64 px with masks, and the lists of names in `split.json`.

    Draw 0 are the first names of `label_train_50`, the other draws are random ones of them.
    """

    name: str
    folder: Path
    images: Path  # in `folder`: NAME.jpg
    masks: Path  # in `folder`: NAME.png, of class indices
    classes: str  # the list of class names in `meta.json`
    heldout_split: str
    unlabelled_images: Path  # in `folder`: NAME.jpg, of which those without a mask count
    unlabelled_split: str | None = None  # their names in order; without it, all of them by name

    @classmethod
    def faces(cls, folder: Path) -> "Photographs":
        """Return 50 aligned faces to label and 50 held-out ones; no more are labelled."""
        images = Path("images64/labelled")
        masks, unlabelled = Path("mask8_64"), Path("images64/unlabelled_ffhq")
        return cls("faces", folder, images, masks, "classes8", "label_val", unlabelled)

    @classmethod
    def clothing(cls, folder: Path) -> "Photographs":
        """Return full-body photographs: 50 to label, 300 held-out ones, and the others for the oracle."""
        images, masks = Path("images64"), Path("mask10_64")
        return cls("clothing", folder, images, masks, "classes", "test", images, "gan_train")

    @cached_property
    def schema(self) -> LabelSchema:
        meta = json.loads((self.folder / "meta.json").read_text())
        return LabelSchema(classes=tuple(meta[self.classes]))

    @cached_property
    def heldout(self) -> Pairs:
        return self._read(read_split(self.folder, self.heldout_split))

    def labelled(self, draw: int, count: int) -> Pairs:
        names = read_split(self.folder, "label_train_50")
        if count > len(names):
            raise ValueError(f"expected at most {len(names)} labels of {self.name}, got {count}")
        rng = torch.Generator().manual_seed(draw)
        order = torch.randperm(len(names), generator=rng).tolist() if draw else range(len(names))
        return self._read([names[index] for index in order][:count])

    def oracle(self, count: int) -> Pairs | None:
        splits = (read_split(self.folder, name) for name in (self.heldout_split, "label_val"))
        heldout = {name for split in splits for name in split}
        names = [name for name in _names(self.folder / self.masks) if name not in heldout]
        return self._read(names) if len(names) > count else None

    def unlabelled(self, count: int) -> PixelImages:
        folder, split = self.folder / self.unlabelled_images, self.unlabelled_split
        names = _names(folder) if split is None else read_split(self.folder, split)
        labelled = set(_names(self.folder / self.masks))
        return _channels_first(
            _read_images(folder, [name for name in names if name not in labelled][:count])
        )

    def _read(self, names: list[str]) -> Pairs:
        masks = [read_pixels(self.folder / self.masks / f"{name}.png", "L") for name in names]
        images = _read_images(self.folder / self.images, names)
        return as_pairs(images, torch.from_numpy(np.stack(masks)))


def as_pairs(images: Tensor, masks: Tensor) -> Pairs:
    """Return bytes [n, h, w, 3] and masks [n, h, w] as pairs."""
    labels = Labels((masks.shape[1], masks.shape[2]), segmentation=masks)
    return Pairs.of(_channels_first(images), labels)


def _channels_first(images: Tensor) -> PixelImages:
    return images.permute(0, 3, 1, 2).contiguous()


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.iterdir())


def _read_images(folder: Path, names: Sequence[str]) -> Tensor:
    """Return photographs as bytes [n, h, w, 3]."""
    return torch.from_numpy(
        np.stack([read_pixels(folder / f"{name}.jpg", "RGB") for name in names])
    )


def _rendered(split: str, draw: int, count: int) -> Pairs:
    seed = seed_of(split, draw)
    rendered = render_pairs(seed, stratified_indices(seed, count))
    return as_pairs(torch.from_numpy(rendered.images), torch.from_numpy(rendered.masks))
