"""The labelled images of a fit, read from the store once: pixels for the eye, tensors for the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from contracts import keys, records
from contracts.errors import InputMissing
from contracts.fits import PinnedLabelset
from contracts.labelsets import LabelsetManifest
from models.labels.label_generator import from_bytes
from workers.artefacts import read_artefact
from workers.images import (
    Pixels,
    decode_image,
    decode_mask,
    resized_image,
    resized_mask,
    to_masks,
)
from workers.machine import Machine


@dataclass(frozen=True)
class Pairs:
    """Images uint8 [h, w, 3] and masks uint8 [h, w] at the generator's size, in the order of `names`."""

    names: tuple[str, ...]
    images: tuple[Pixels, ...]
    masks: tuple[Pixels, ...]
    ignore_index: int

    @classmethod
    def read(
        cls, machine: Machine, tenant: str, pinned: PinnedLabelset, px: tuple[int, int]
    ) -> Self:
        """All pairs of a pinned labelset, brought to (height, width). Raises `InputMissing` when it is gone."""
        manifest = read_labelset(machine, tenant, pinned)
        return cls(
            names=tuple(entry.name for entry in manifest.entries),
            images=tuple(
                resized_image(decode_image(read_artefact(machine, entry.image)), px)
                for entry in manifest.entries
            ),
            masks=tuple(
                resized_mask(decode_mask(read_artefact(machine, entry.mask)), px)
                for entry in manifest.entries
            ),
            ignore_index=manifest.labels.ignore_index,
        )

    def __len__(self) -> int:
        return len(self.names)

    def image_tensor(self, chosen: Sequence[int]) -> Tensor:
        """Some images as float32 [n, 3, h, w] in [-1, 1]: four times their bytes, so never all at once."""
        return from_bytes(torch.from_numpy(np.stack([self.images[place] for place in chosen])))

    def mask_tensor(self) -> Tensor:
        """Masks as int64 [n, h, w], 255 = ignore."""
        return to_masks(list(self.masks), self.ignore_index)

    def unlabelled(self) -> list[str]:
        """The names of the images whose masks say nothing: every pixel is ignored."""
        return [
            name
            for name, mask in zip(self.names, self.masks, strict=True)
            if (mask == self.ignore_index).all()
        ]


def read_labelset(machine: Machine, tenant: str, pinned: PinnedLabelset) -> LabelsetManifest:
    """The manifest of a pinned labelset."""
    key = keys.manifest(tenant, "labelsets", pinned.id)
    manifest = records.read(machine.store, key, LabelsetManifest)
    if manifest is None or manifest.digest != pinned.digest:
        raise InputMissing(
            f"The fit pins labelset '{pinned.id}' with digest {pinned.digest[:12]}, which is not in the store."
            " Upload it again and make the fit anew."
        )
    return manifest
