"""The labelled images of a fit, read from the store once: pixels for the eye, tensors for the models."""

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
from models.arrays import IGNORE_INDEX
from models.labels.label_generator import from_bytes
from models.labels.tasks import Labels
from state import keys, records
from state.store import Store
from workers.codecs.depth import DepthMap, decode_depth, resized_depth
from workers.codecs.images import Pixels, decode_image, decode_mask, resized_image, resized_mask
from workers.codecs.keypoints import Points, decode_points, reference_px
from workers.runtime.artefacts import read_artefact


@dataclass(frozen=True)
class ImageLabels:
    """The labels of one image at the generator's size; None where the labelset has no such kind at all.

    mask: class indices, 255 = ignore. points: [k, 3] x, y in pixels and visibility. depth: in its unit, NaN = unknown.
    An image that lacks a kind which others have is ignored, absent and unknown throughout.
    """

    mask: Pixels | None
    points: Points | None
    depth: DepthMap | None

    @property
    def says_nothing(self) -> bool:
        """True when nothing at all is labelled."""
        return not (
            (self.mask is not None and (self.mask != IGNORE_INDEX).any())
            or (self.points is not None and self.points[:, 2].any())
            or (self.depth is not None and not np.isnan(self.depth).all())
        )


@dataclass(frozen=True)
class Pairs:
    """Images uint8 [h, w, 3] and their labels at the generator's size `px`, in the order of `names`."""

    names: tuple[str, ...]
    images: tuple[Pixels, ...]
    labels: tuple[ImageLabels, ...]
    schema: LabelSchema
    px: tuple[int, int]

    @classmethod
    def read(
        cls,
        store: Store,
        whole: LabelsetManifest,
        *,
        fit: LabelSchema,
        px: tuple[int, int],
    ) -> Self:
        """Read the pairs of a labelset with the labels that the fit learns, resized to (height, width).

        Raises `InputMissing` when a file of it is gone.
        """
        manifest = whole.only(tuple(task for task in fit.tasks if task in whole.labels.tasks))
        return cls(
            names=tuple(entry.name for entry in manifest.entries),
            images=tuple(
                resized_image(decode_image(read_artefact(store, entry.image)), px)
                for entry in manifest.entries
            ),
            labels=tuple(
                _read_labels(store, entry, manifest.labels, px) for entry in manifest.entries
            ),
            schema=manifest.labels,
            px=px,
        )

    def __len__(self) -> int:
        return len(self.names)

    def image_tensor(self, chosen: Sequence[int]) -> Tensor:
        """Some images as float32 [n, 3, h, w] in [-1, 1]: four times their bytes, so never all at once."""
        return from_bytes(torch.from_numpy(np.stack([self.images[place] for place in chosen])))

    def label_tensors(self, chosen: Sequence[int]) -> Labels:
        """The labels of some images; masks stay bytes, for 1,000 of 1024 px are a gigabyte as they are."""
        some = [self.labels[place] for place in chosen]
        masks = [one.mask for one in some if one.mask is not None]
        points = [one.points for one in some if one.points is not None]
        depth = [one.depth for one in some if one.depth is not None]
        return Labels(
            label_px=self.px,
            masks=torch.from_numpy(np.stack(masks)) if masks else None,
            keypoints=torch.from_numpy(np.stack(points)) if points else None,
            depth=torch.from_numpy(np.stack(depth)) if depth else None,
        )

    def reference_px(self, chosen: Sequence[int]) -> Tensor:
        """The length by which the keypoint errors of each of some images are judged, in pixels of the generator."""
        lengths = [
            reference_px(points, self.schema.keypoints, self.px)
            for place in chosen
            if (points := self.labels[place].points) is not None and self.schema.keypoints
        ]
        return torch.tensor(lengths)

    def unlabelled(self) -> list[str]:
        """The names of the images whose labels say nothing."""
        named = zip(self.names, self.labels, strict=True)
        return [name for name, labels in named if labels.says_nothing]


def read_labelset(store: Store, tenant: str, pinned: PinnedLabelset) -> LabelsetManifest:
    """Return the manifest of a pinned labelset. Raises `InputMissing` when it is gone or has another digest."""
    key = keys.manifest(tenant, "labelsets", pinned.id)
    manifest = records.read(store, key, LabelsetManifest)
    if manifest is None or manifest.digest != pinned.digest:
        raise InputMissing(
            f"The fit pins labelset '{pinned.id}' with digest {pinned.digest[:12]}, which is not in the store."
            " Upload it again and make a new fit."
        )
    return manifest


def _read_labels(
    store: Store, entry: LabelsetEntry, schema: LabelSchema, px: tuple[int, int]
) -> ImageLabels:
    """The labels that the schema has, at (height, width); what the image lacks is filled with "not known"."""
    mask, points, depth = None, None, None
    if schema.classes:
        mask = np.full(px, IGNORE_INDEX, dtype=np.uint8)
        if entry.mask:
            given = resized_mask(decode_mask(read_artefact(store, entry.mask)), px)
            mask = np.where(given == schema.ignore_index, IGNORE_INDEX, given).astype(np.uint8)
    if schema.keypoints:
        points = np.zeros((len(schema.keypoints.names), 3), dtype=np.float32)
        if entry.keypoints:
            scale = np.array([px[1] / entry.width_px, px[0] / entry.height_px, 1.0], np.float32)
            points = decode_points(read_artefact(store, entry.keypoints)) * scale
    if schema.depth:
        depth = np.full(px, np.nan, dtype=np.float32)
        if entry.depth:
            data = read_artefact(store, entry.depth)
            depth = resized_depth(decode_depth(data, entry.depth.media_type, schema.depth), px)
    return ImageLabels(mask, points, depth)
