"""YOLO: `images/train`, `labels/train/NAME.txt` and `data.yaml`, as Ultralytics reads them.

Segmentation has a line for each connected part of each class, an exact polygon along pixel edges; pose has one object
for each image, the box around its keypoints. Numbers are shares of width and height; classes count without background.
"""

import json
from collections.abc import Callable, Iterable, Iterator

from handsoff_shards.labels import Labels
from handsoff_shards.reading import Entry, Exported, ShardSet, objects_of, samples_of
from handsoff_shards.regions import components, outline

DECIMALS = 6


def yolo_seg_files(shards: ShardSet) -> Iterator[Entry]:
    """The images, and the regions of their masks."""
    labels = shards.labels
    names = list(objects_of(labels.classes).values())
    return _files(shards, lambda exported: _regions(exported, labels), [_names(names)])


def yolo_pose_files(shards: ShardSet) -> Iterator[Entry]:
    """The images, and their keypoints."""
    points = shards.labels.keypoints
    assert points is not None
    return _files(shards, _pose, [f"kpt_shape: [{len(points.names)}, 3]", _names(["object"])])


def _files(
    shards: ShardSet, lines_of: Callable[[Exported], Iterator[str]], facts: Iterable[str]
) -> Iterator[Entry]:
    for exported in samples_of(shards):
        yield f"images/train/{exported.image_name}", exported.image_bytes
        text = "".join(f"{line}\n" for line in lines_of(exported))
        yield f"labels/train/{exported.key}.txt", text.encode()
    # Without a path, Ultralytics takes the folder of this file.
    lines = ["train: images/train", "val: images/train", *facts]
    yield "data.yaml", ("\n".join(lines) + "\n").encode()


def _regions(exported: Exported, labels: Labels) -> Iterator[str]:
    mask = exported.sample.mask
    assert mask is not None
    for number, index in enumerate(objects_of(labels.classes)):
        for part in components(mask == index):
            yield _line(number, _shares(outline(part), exported.size))


def _pose(exported: Exported) -> Iterator[str]:
    points = exported.sample.keypoints
    assert points is not None
    seen = points[points[:, 2] > 0, :2]
    if not len(seen):
        return
    low, high = seen.min(0), seen.max(0)
    box = _shares([((low + high) / 2).tolist(), (high - low).tolist()], exported.size)
    numbers = [*box]
    for x, y, visibility in points.tolist():
        numbers += [*_shares([(x, y)], exported.size), int(visibility)]
    yield _line(0, numbers)


def _shares(points: Iterable[Iterable[float]], size: tuple[int, int]) -> list[float]:
    return [number / whole for point in points for number, whole in zip(point, size, strict=True)]


def _line(number: int, values: Iterable[float]) -> str:
    return " ".join([str(number), *(f"{round(value, DECIMALS):g}" for value in values)])


def _names(names: list[str]) -> str:
    """JSON is YAML, and quotes what needs it."""
    return f"names: {json.dumps(dict(enumerate(names)))}"
