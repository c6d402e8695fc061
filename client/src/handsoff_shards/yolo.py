"""YOLO: `images/train`, `labels/train/NAME.txt` and `data.yaml`, as Ultralytics reads them.

Segmentation has a line for each connected part of each class, an exact polygon along pixel edges; pose has one object
for each image, the box around its keypoints. Numbers are shares of width and height; classes count without background.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from handsoff_client.errors import InvalidInput
from handsoff_client.exports.reading import Exported, objects_of, samples_of
from handsoff_client.exports.regions import components, outline
from handsoff_client.folders import BatchFolder
from handsoff_client.resources import Labels

DECIMALS = 6


def write_yolo_seg(folder: BatchFolder, out: Path) -> None:
    """Writes the batch's regions below `out`, which is there and empty."""
    labels = folder.labels
    if not labels.classes:
        raise InvalidInput("yolo-seg needs masks, and this batch has none. Use another format.")
    names = list(objects_of(labels.classes).values())
    _write(folder, out, lambda exported: _regions(exported, labels), [_names(names)])


def write_yolo_pose(folder: BatchFolder, out: Path) -> None:
    """Writes the batch's keypoints below `out`, which is there and empty."""
    labels = folder.labels
    if labels.keypoints is None:
        raise InvalidInput(
            "yolo-pose needs keypoints, and this batch has none. Use another format."
        )
    shape = f"kpt_shape: [{len(labels.keypoints.names)}, 3]"
    _write(folder, out, _pose, [shape, _names(["object"])])


def _write(
    folder: BatchFolder,
    out: Path,
    lines_of: Callable[[Exported], Iterator[str]],
    facts: Iterable[str],
) -> None:
    images, texts = out / "images" / "train", out / "labels" / "train"
    images.mkdir(parents=True)
    texts.mkdir(parents=True)
    for exported in samples_of(folder):
        (images / exported.image_name).write_bytes(exported.image_bytes)
        text = "".join(f"{line}\n" for line in lines_of(exported))
        (texts / f"{exported.key}.txt").write_text(text)
    # Without a path, Ultralytics takes the folder of this file.
    lines = ["train: images/train", "val: images/train", *facts]
    (out / "data.yaml").write_text("\n".join(lines) + "\n", "utf-8")


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
