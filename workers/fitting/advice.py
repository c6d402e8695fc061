"""What the owner of a fit can do for better labels, in plain sentences: what to add, what to look at."""

from collections.abc import Iterator, Mapping
from itertools import islice

from contracts.fits.metrics import Estimate, InvertedImage
from contracts.labelsets import LabelsetManifest
from contracts.tasks import TaskName

ENOUGH_IMAGES = 8
FEW_IMAGES = 5
"""Who has fewer than `FEW_IMAGES` of a class or keypoint is asked for `ENOUGH_IMAGES`."""
WEAK_IOU = 0.5
WEAK_PCK = 0.5
OFTEN = 0.2
MAX_LINES = 20
MAX_NAMES = 5

_TASK_LABELS: dict[TaskName, str] = {
    "segmentation": "masks",
    "keypoints": "keypoints",
    "depth": "depth",
}


def advise(
    labelset: LabelsetManifest, images: tuple[InvertedImage, ...], estimate: Estimate | None
) -> tuple[str, ...]:
    """At most `MAX_LINES` lines, the most useful first."""
    return tuple(islice(_lines(labelset, images, estimate), MAX_LINES))


def _lines(
    labelset: LabelsetManifest, images: tuple[InvertedImage, ...], estimate: Estimate | None
) -> Iterator[str]:
    yield from _inexpressible(images)
    yield from _rare("class", _class_counts(labelset))
    yield from _rare("keypoint", _keypoint_counts(labelset))
    for task in labelset.labels.tasks:
        count = labelset.num_labelled(task)
        if count < min(ENOUGH_IMAGES, len(labelset.entries)):
            yield f"only {count} images have {_TASK_LABELS[task]}; add {ENOUGH_IMAGES - count}"
    if estimate is not None:
        yield from _mistaken(labelset, estimate)
        yield from _lost_points(labelset, estimate)
        worst = ", ".join(image.name for image in estimate.worst_images[:3])
        yield f"labelled worst when left out: {worst}; look at their labels, or add images like them"


def _inexpressible(images: tuple[InvertedImage, ...]) -> Iterator[str]:
    names = [image.name for image in images if not image.is_expressible]
    if names:
        shown = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
        yield (
            f"the generator cannot express {len(names)} of {len(images)} images ({shown}): their labels teach little;"
            " crop and align them as its training images are, or leave them out"
        )


def _rare(what: str, counts: Mapping[str, int]) -> Iterator[str]:
    for name, count in sorted(counts.items(), key=lambda one: one[1]):
        if count < FEW_IMAGES:
            noun = "image" if count == 1 else "images"
            yield f"{what} {name} has {count} {noun}; add {ENOUGH_IMAGES - count}"


def _mistaken(labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
    """Classes with images enough that are weak all the same, and what they are taken for."""
    classes = labelset.labels.classes
    counts = _class_counts(labelset)
    for index, row in enumerate(estimate.confusion or ()):
        name, iou = classes[index], estimate.class_iou.get(classes[index])
        if iou is None or iou >= WEAK_IOU or counts[name] < FEW_IMAGES:
            continue
        others = [0 if place == index else pixels for place, pixels in enumerate(row)]
        share = max(others) / sum(row)
        taken = f"; {share:.0%} of it is taken for {classes[others.index(max(others))]}"
        yield (
            f"class {name} is weak (estimated IoU {iou:.2f}){taken if share >= OFTEN else ''};"
            " check its outlines, or add images with it"
        )


def _lost_points(labelset: LabelsetManifest, estimate: Estimate) -> Iterator[str]:
    if estimate.keypoints is None:
        return
    counts = _keypoint_counts(labelset)
    for name, pck in estimate.keypoints.point_pck.items():
        if pck is not None and pck < WEAK_PCK and counts[name] >= FEW_IMAGES:
            yield f"keypoint {name} is found in {pck:.0%} of the images; check where it is set, or add images"


def _class_counts(labelset: LabelsetManifest) -> dict[str, int]:
    return dict(zip(labelset.labels.classes, labelset.class_images, strict=True))


def _keypoint_counts(labelset: LabelsetManifest) -> dict[str, int]:
    names = labelset.labels.keypoints.names if labelset.labels.keypoints else ()
    return dict(zip(names, labelset.keypoint_images, strict=True))
