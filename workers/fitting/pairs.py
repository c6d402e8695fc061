"""The labelled images of a fit, read from the store once: arrays for drawing, tensors for the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from contracts.errors.jobs import InputMissing
from contracts.fits.fit import PinnedLabelset
from contracts.labelsets import LabelsetEntry, LabelsetManifest
from contracts.schemas import LabelSchema
from models.labels.label_generator import from_bytes
from models.tasks.task_set import Labels
from state import keys, records
from state.store import Store
from workers.codecs.images import Pixels, decode_image, resized_image
from workers.codecs.registry import TASKS
from workers.codecs.task import Array, ImageLabels, Px, TaskCodec, codecs_of
from workers.runtime.artefacts import read_artefact


@dataclass(frozen=True)
class Pairs:
    """Images uint8 [h, w, 3] and their labels at the generator's size `px`, in the order of `names`.

    Every image has a label for each of the `codecs`. If the labelset has none, the label is empty: ignored pixels,
    absent points, unknown depth. `conditions` are the images' classes for a class-conditional generator; None where
    the labelset has none.
    """

    names: tuple[str, ...]
    images: tuple[Pixels, ...]
    labels: tuple[ImageLabels, ...]
    schema: LabelSchema
    codecs: tuple[TaskCodec, ...]
    px: Px
    conditions: tuple[int, ...] | None = None

    @classmethod
    def read(
        cls,
        store: Store,
        labelset: LabelsetManifest,
        *,
        fit: LabelSchema,
        px: Px,
        tasks: Sequence[TaskCodec] = TASKS,
    ) -> Self:
        """Read the pairs of a labelset with the labels that the fit learns, resized to (height, width).

        Raises `InputMissing` when a file of the labelset is gone.
        """
        manifest = labelset.only(tuple(task for task in fit.tasks if task in labelset.labels.tasks))
        codecs = codecs_of(tasks, manifest.labels)
        return cls(
            names=tuple(entry.name for entry in manifest.entries),
            images=tuple(
                resized_image(decode_image(read_artefact(store, entry.image)), px)
                for entry in manifest.entries
            ),
            labels=tuple(
                {
                    codec.name: _read_label(store, codec, entry, manifest.labels, px)
                    for codec in codecs
                }
                for entry in manifest.entries
            ),
            schema=manifest.labels,
            codecs=codecs,
            px=px,
            conditions=_conditions(manifest),
        )

    def __len__(self) -> int:
        return len(self.names)

    def image_tensor(self, indices: Sequence[int]) -> Tensor:
        """Return some images as float32 [n, 3, h, w] in [-1, 1]. They take four times the bytes, so never pass all."""
        return from_bytes(torch.from_numpy(np.stack([self.images[index] for index in indices])))

    def label_tensors(self, indices: Sequence[int]) -> Labels:
        """Return the labels of some images. Masks stay bytes: 1,000 of 1024 px are already a gigabyte."""
        tensors = {
            codec.name: torch.from_numpy(
                np.stack([self.labels[index][codec.name] for index in indices])
            )
            for codec in self.codecs
        }
        return Labels(self.px, **tensors)

    def condition_tensor(self, indices: Sequence[int]) -> Tensor | None:
        """Return the conditions of some images, int64 [n]; None without conditions."""
        if self.conditions is None:
            return None
        return torch.tensor([self.conditions[index] for index in indices])

    def unlabelled(self) -> list[str]:
        """Return the names of the images whose labels are all empty."""
        return [
            name
            for name, labels in zip(self.names, self.labels, strict=True)
            if all(codec.is_empty(labels[codec.name]) for codec in self.codecs)
        ]


def read_labelset(store: Store, tenant: str, pinned: PinnedLabelset) -> LabelsetManifest:
    """Return the manifest of a pinned labelset. Raises `InputMissing` when it is gone or has another digest."""
    key = keys.manifest(tenant, "labelsets", pinned.id)
    manifest = records.read(store, key, LabelsetManifest)
    if manifest is None or manifest.digest != pinned.digest:
        raise InputMissing(
            f"The request pins labelset '{pinned.id}' with digest {pinned.digest[:12]}, which is not in the store."
            " Upload it again and send a new request."
        )
    return manifest


def _conditions(labelset: LabelsetManifest) -> tuple[int, ...] | None:
    """Return the condition of every image, or None: an upload has all or none."""
    known = tuple(one.condition for one in labelset.entries if one.condition is not None)
    return known if len(known) == len(labelset.entries) else None


def _read_label(
    store: Store, codec: TaskCodec, entry: LabelsetEntry, labels: LabelSchema, px: Px
) -> Array:
    """Return one label of an image at (height, width)."""
    stored = entry.label(codec.name)
    if stored is None:
        return codec.unlabelled(labels, px)
    label = codec.decode(read_artefact(store, stored), stored.media_type, labels)
    return codec.resized(label, (entry.height_px, entry.width_px), px)
