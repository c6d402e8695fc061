"""YOLO: `images/{train,val}`, `labels/{train,val}/NAME.txt` and `data.yaml`, as Ultralytics reads them.

Segmentation has one line for each connected part of each class: an exact polygon along pixel edges. Pose has one object
per image: the box around its keypoints. Coordinates are shares of width and height, from 0 to 1. Class numbers do not
count the background. Every tenth sample is for validation. Ignored pixels belong to no object.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.labels import Labels, mirrored_names
from handsoff_shards.reading import Entry, Exported, Format, ShardSet, objects_of, samples_of
from handsoff_shards.regions import find_parts

DECIMALS = 6
IGNORED_NOTE = (
    "# Some pixels are ignored in the masks. YOLO cannot express that: they are background here."
)
VAL_EVERY = 10
"""One sample in ten is for validation: the second, the twelfth, ... So two samples give both splits."""


def yolo_seg_files(shards: ShardSet) -> Iterator[Entry]:
    """Yield the images, and the regions of their masks."""
    labels = shards.labels
    names = list(objects_of(labels.classes).values())
    lines_of = partial(_regions, labels=labels)
    return _files(shards, lines_of, _names(names), ignored_note=IGNORED_NOTE)


def yolo_pose_files(shards: ShardSet) -> Iterator[Entry]:
    """Yield the images, and their keypoints."""
    points = shards.labels.keypoints
    assert points is not None
    facts = [f"kpt_shape: [{len(points.names)}, 3]"]
    mirrored = mirrored_points(points.names)
    if mirrored is not None:
        facts.append(f"flip_idx: {mirrored}")
    return _files(shards, _pose, [*facts, *_names(["object"])])


def split_of(place: int) -> str:
    """Return the split, train or val, of the sample at this position of a batch. It is always the same."""
    return "val" if place % VAL_EVERY == 1 else "train"


def _files(
    shards: ShardSet,
    lines_of: Callable[[Exported], Iterator[str]],
    facts: Iterable[str],
    *,
    ignored_note: str = "",
) -> Iterator[Entry]:
    num_samples, has_ignored = 0, False
    for exported in samples_of(shards):
        split = split_of(num_samples)
        num_samples += 1
        has_ignored |= exported.ignored(shards.labels) is not None
        yield f"images/{split}/{exported.image_name}", exported.image_bytes
        text = "".join(f"{line}\n" for line in lines_of(exported))
        yield f"labels/{split}/{exported.key}.txt", text.encode()
    val = "val" if num_samples > 1 else "train"  # one sample cannot be split
    # Without a path, Ultralytics uses the folder of this file.
    notes = [ignored_note] if has_ignored and ignored_note else []
    lines = [*notes, "train: images/train", f"val: images/{val}", *facts]
    yield "data.yaml", ("\n".join(lines) + "\n").encode()


def _regions(exported: Exported, labels: Labels) -> Iterator[str]:
    mask = exported.sample.mask
    assert mask is not None
    numbers = {index: number for number, index in enumerate(objects_of(labels.classes))}
    for part in find_parts(mask, list(numbers)):
        yield _line(numbers[part.value], _shares(part.outline, exported.size).ravel().tolist())


def _pose(exported: Exported) -> Iterator[str]:
    """Yield one line if a keypoint is labelled. Readers drop boxes without width, so a box has at least 1 pixel."""
    points = exported.sample.keypoints
    assert points is not None
    labelled = points[:, 2] > 0
    if not labelled.any():
        return
    size = np.array(exported.size, np.float64)
    places = np.clip(points[:, :2].astype(np.float64), 0, size)
    low, high = places[labelled].min(0), places[labelled].max(0)
    extent = np.maximum(high - low, 1)
    center = np.clip((low + high) / 2, extent / 2, size - extent / 2)
    numbers = _shares(np.stack([center, extent]), exported.size).ravel().tolist()
    shares = np.where(labelled[:, None], _shares(places, exported.size), 0)
    for (x, y), visibility in zip(shares.tolist(), points[:, 2].tolist(), strict=True):
        numbers += [x, y, int(visibility)]
    yield _line(0, numbers)


def mirrored_points(names: Sequence[str]) -> list[int] | None:
    """Return the index of the keypoint that each becomes in a mirrored image; None when the names do not say it.

    Ultralytics mirrors images only with this list, and a wrong list would give wrong labels. So at least one name has a
    side (left_eye, mouth-right, L ear), and each of them has a partner.
    """
    partners = mirrored_names(names)
    return None if partners == list(range(len(names))) else partners


def _shares(
    points: NDArray[np.float64] | NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return points [n, 2] in pixels as shares of width and height."""
    return points / np.array(size, np.float64)


def _line(number: int, values: Iterable[float]) -> str:
    return " ".join([str(number), *(f"{round(value, DECIMALS):g}" for value in values)])


def _names(names: Sequence[str]) -> list[str]:
    """Return the names by number, in order: YOLOv5 accepts only integer keys, and some readers sort text keys."""
    return ["names:", *(f"  {number}: {_quoted(name)}" for number, name in enumerate(names))]


def _quoted(name: str) -> str:
    """Return a name as YAML in ASCII, which is the same in every encoding. YAML has no surrogate pairs as JSON has."""
    text = json.dumps(name, ensure_ascii=False)
    return "".join(c if " " <= c <= "~" else f"\\U{ord(c):08X}" for c in text)


FORMATS = {
    "yolo-pose": Format(yolo_pose_files, ("keypoints",)),
    "yolo-seg": Format(yolo_seg_files, ("segmentation",), yolo_seg_files),  # a line is one polygon
}
