"""Masks between bytes, arrays and pictures: uint8 class indices [height, width], 255 = ignore."""

import io
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from contracts.batches import BatchManifest
from contracts.fits.metrics import WEAK_IOU, Estimate, TaskMetrics, TraitShare
from contracts.labelsets import LabelsetManifest
from contracts.schemas import Color, LabelSchema
from handsoff_shards import members
from handsoff_shards.members import Files
from handsoff_shards.writing import rounded, soft_label_planes, with_ignored_color
from models.arrays import IGNORE_INDEX
from models.inversion.framing import Framing, reframe_masks
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import TaskLabels
from workers.codecs import png
from workers.codecs.images import PALETTE, Pixels
from workers.codecs.lone_classes import without_unscored
from workers.codecs.markdown import number, share, table
from workers.codecs.task import (
    FEW_IMAGES,
    Array,
    CrossValidated,
    Fields,
    Px,
    Row,
    TaskCodec,
    as_array,
    counts_by_name,
    float_or_none,
    floats_by_name,
    interval_or_none,
    intervals_by_name,
)

OFTEN = 0.2
"""Advice names a class that is predicted for this share of another class's pixels."""
IGNORED, SOFT_CLASSES, SOFT_STEPS = OPTIONAL_FIELDS = ("ignored", "soft_classes", "soft_steps")
"""The labels that options of a rendering add, as `models.tasks.segmentation` names them."""


class SegmentationCodec(TaskCodec):
    """Masks: palette PNGs in shards, colors in pictures, IoU in words."""

    name = "segmentation"
    noun = "masks"
    kind = SegmentationTask
    extension = members.MASK
    hub_category = "image-segmentation"

    def task(self, labels: LabelSchema) -> SegmentationTask:
        return SegmentationTask(labels.num_classes)

    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        return np.full(px, IGNORE_INDEX, dtype=np.uint8)

    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        mask = decode_mask(data)
        return np.where(mask == labels.ignore_index, IGNORE_INDEX, mask).astype(np.uint8)

    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        return resized_mask(label, px)

    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        moved = reframe_masks(torch.tensor(label)[None].long(), framing)
        return as_array(moved[0].byte())

    def is_empty(self, label: Array) -> bool:
        return not (label != IGNORE_INDEX).any()

    def trait_names(self, labels: LabelSchema) -> Sequence[str]:
        return labels.classes

    def trait_amounts(self, label: Array, labels: LabelSchema) -> Sequence[float]:
        """Return the share of each class in the labelled pixels."""
        known = label[label != IGNORE_INDEX]
        pixels = np.bincount(known, minlength=labels.num_classes)
        return [float(share) for share in pixels / len(known)]

    def fields(self, labels: TaskLabels, index: int) -> Fields:
        """Return the mask, and what the options of the rendering add (see `ClassVotes.refined`)."""
        names = {"mask": "masks"} | {name: name for name in OPTIONAL_FIELDS if name in labels}
        return {field: as_array(labels[name][index]) for field, name in names.items()}

    def predicted(self, labels: TaskLabels, index: int) -> Array:
        return as_array(labels["masks"][index])

    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        if IGNORED not in fields:
            return encode_mask(fields["mask"], labels.colors)
        indices = np.where(fields[IGNORED], labels.ignore_index, fields["mask"]).astype(np.uint8)
        return encode_mask(indices, labels.colors, ignore_index=labels.ignore_index)

    def companions(self, fields: Fields) -> Files:
        """Return the soft labels of a sample that has some."""
        if SOFT_CLASSES not in fields:
            return {}
        planes = soft_label_planes(fields[SOFT_CLASSES], fields[SOFT_STEPS])
        return {members.SOFT_LABELS: png.encode(planes)}

    def facts(self, fields: Fields, labels: LabelSchema) -> dict[str, object]:
        """Return the share of each class in all pixels, and of ignored pixels if the options ignore some."""
        shares = class_shares(fields, labels.num_classes)
        by_class = zip(labels.classes, shares.tolist(), strict=True)
        facts: dict[str, object] = {"class_fractions": rounded(dict(by_class))}
        if IGNORED in fields:
            facts |= rounded({"ignored_fraction": ignored_pixels(fields) / fields["mask"].size})
        return facts

    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        return {
            "miou": float_or_none(values["miou"]),
            "class_iou": floats_by_name(labels.classes, values["iou"]),
            "miou_interval": interval_or_none(values["miou_interval"]),
            "class_intervals": intervals_by_name(labels.classes, values["iou_intervals"]),
            "class_images": counts_by_name(labels.classes, values["images"]),
            "ece": float_or_none(values["ece"]),
        }

    def estimated(self, result: CrossValidated, labels: LabelSchema) -> dict[str, Any]:
        metrics = self.metrics(result.values, labels)
        images = dict(zip(labels.classes, result.trait_images, strict=True))
        confusion = tuple(map(tuple, result.values["confusion"].tolist()))
        return {**without_unscored(metrics, images), "confusion": confusion}

    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        return "miou", metrics.miou

    def overlay(self, picture: Pixels, label: Array, labels: LabelSchema) -> Pixels:
        return colored(label, labels)

    def legend(self, labels: LabelSchema) -> list[tuple[str, Color]]:
        colors = class_colors(labels)
        return [(name, _color(colors[index])) for index, name in enumerate(labels.classes)]

    def agreement(self, predicted: Array, truth: Array) -> list[str]:
        """Return the mean IoU over the true classes as a line."""
        labelled = truth != IGNORE_INDEX
        classes = np.unique(truth[labelled])
        if not len(classes):
            return []
        ious = [_iou(predicted[labelled] == one, truth[labelled] == one) for one in classes]
        return [f"mIoU {fmean(ious):.2f}"]

    def compared_shares(self, name: str, share: TraitShare, num_samples: int) -> str:
        return (
            f"class {name}: {share.generated:.2%} of the pixels of {num_samples} generated samples, but"
            f" {share.labelled:.2%} of the labelled images (in {share.generated_images:.0%} and"
            f" {share.labelled_images:.0%} of the images)"
        )

    def rare(self, labelset: LabelsetManifest) -> tuple[str, Mapping[str, int]]:
        return "class", dict(zip(labelset.labels.classes, labelset.class_images, strict=True))

    def weaknesses(self, labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
        """Yield advice on weak classes with enough images, and the class that is predicted for them."""
        classes = labelset.labels.classes
        counts = labelset.class_images
        for index, row in enumerate(estimate.confusion or ()):
            iou = estimate.class_iou.get(classes[index])
            if iou is None or iou >= WEAK_IOU or counts[index] < FEW_IMAGES:
                continue
            others = [0 if other == index else pixels for other, pixels in enumerate(row)]
            part = max(others) / sum(row)
            mistaken = (
                f"; {part:.0%} of its pixels are predicted as {classes[others.index(max(others))]}"
            )
            yield (
                f"class {classes[index]} is weak (estimated IoU {iou:.2f}){mistaken if part >= OFTEN else ''};"
                " check its outlines, or add images with it"
            )

    def card_measures(self, metrics: TaskMetrics) -> Iterator[Row]:
        yield "mIoU", number(metrics.miou)
        for name, iou in metrics.class_iou.items():
            yield f"IoU of {name}", number(iou)

    def card_text(self, labels: LabelSchema, manifest: BatchManifest) -> Iterator[str]:
        """Yield a table of the classes in kept images and in all candidates, which shows what a filter drops."""
        counts = zip(
            labels.classes,
            manifest.class_images,
            manifest.candidate_class_images,
            manifest.class_pixels,
            strict=True,
        )
        rows = [
            (
                index,
                name,
                share(kept, manifest.num_samples),
                share(drawn, manifest.num_candidates),
                pixels,
            )
            for index, (name, kept, drawn, pixels) in enumerate(counts)
        ]
        yield table(("index", "class", "of images", "of candidates", "pixels"), rows)
        yield f"Masks: {labels.ignore_index} means no label."


def class_pixels(fields: Fields | None, num_classes: int) -> NDArray[np.int64]:
    """Return the number of pixels of each class in a sample; an empty array if it has no mask.

    No class counts an ignored pixel.
    """
    if fields is None:
        return np.zeros(0, dtype=np.int64)
    return np.bincount(fields["mask"].ravel(), minlength=IGNORE_INDEX + 1)[:num_classes]


def class_shares(fields: Fields | None, num_classes: int) -> NDArray[np.float64]:
    """Return the share of each class in all pixels of a sample; an empty array if it has no mask."""
    pixels = class_pixels(fields, num_classes)
    return pixels / (1 if fields is None else fields["mask"].size)


def ignored_pixels(fields: Fields | None) -> int:
    """Return the number of ignored pixels in a sample; 0 if it has no mask, or no option that ignores pixels."""
    return 0 if fields is None or IGNORED not in fields else int(fields[IGNORED].sum())


def decode_mask(data: bytes) -> Pixels:
    """Return an index mask as [height, width], from a palette or a gray PNG."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def encode_mask(
    indices: Pixels, colors: Sequence[Color] | None = None, *, ignore_index: int | None = None
) -> bytes:
    """Return class indices [height, width] as a palette PNG: exact values, and colors in any viewer.

    `colors` are the colors of the first indices; the palette has the others. If some pixels are ignored, `ignore_index`
    gets a color that no class has.
    """
    given = tuple(value for color in colors or () for value in color)
    palette = bytes(given + PALETTE[len(given) :])
    if ignore_index is not None:
        palette = with_ignored_color(palette, len(colors or ()), ignore_index)
    return png.encode(indices, palette)


def resized_mask(indices: Pixels, px: Px) -> Pixels:
    """Return a mask at (height, width) by nearest neighbor, so that classes are never mixed."""
    if indices.shape == px:
        return indices
    return np.asarray(Image.fromarray(indices).resize(px[::-1], Image.Resampling.NEAREST))


def class_colors(labels: LabelSchema) -> Pixels:
    """Return [256, 3]: the color of each index. The schema's colors replace the first ones of the palette."""
    given = [value for color in labels.colors or () for value in color]
    return np.array([*given, *PALETTE[len(given) :]], dtype=np.uint8).reshape(256, 3)


def colored(indices: Pixels, labels: LabelSchema) -> Pixels:
    """Return class indices [height, width] in the classes' colors."""
    return class_colors(labels)[indices]


def _color(row: Pixels) -> Color:
    red, green, blue = row.tolist()
    return red, green, blue


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())
