"""Ignored pixels and soft labels in every export, with the usual ignore index and with another one."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as runs  # type: ignore[import-untyped]  # it has no annotations

from handsoff_shards.decoding import decode_mask, decode_soft_labels
from handsoff_shards.formats import FORMATS
from handsoff_shards.formats import files_of as export_of
from tests.shards.ignored_pixels import (
    HEIGHT,
    NUM_SAMPLES,
    WIDTH,
    files_of,
    mask_of,
    shard_set,
    soft_planes_of,
)

# pycocotools 2.0.11 is not ready for NumPy 2.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.parametrize("ignore_index", [255, 7]),
]


def exported(tmp_path: Path, ignore_index: int, name: str, *, instances: bool = False) -> Any:
    """Return the files of an export by name."""
    return dict(export_of(shard_set(tmp_path, ignore_index), name, instances=instances))


def region_of(annotation: dict[str, Any]) -> NDArray[np.bool_]:
    """Return the pixels of an annotation."""
    region = annotation["segmentation"]
    if isinstance(region, list):
        region = runs.merge(runs.frPyObjects(region, HEIGHT, WIDTH))
    decoded: NDArray[np.bool_] = np.asarray(runs.decode(region)).astype(bool)
    return decoded


@pytest.mark.parametrize("instances", [False, True])
def test_ignored_pixels_belong_to_no_object_of_coco(
    tmp_path: Path, ignore_index: int, *, instances: bool
) -> None:
    """An image has them as run lengths; an image without ignored pixels lacks the field."""
    files = exported(tmp_path, ignore_index, "coco", instances=instances)
    coco = json.loads(files["annotations.json"])
    for index, image in enumerate(coco["images"]):
        ignored = mask_of(index, ignore_index) == ignore_index
        assert ("ignored" in image) == bool(index)
        if index:
            stored = np.asarray(runs.decode(image["ignored"])).astype(bool)
            np.testing.assert_array_equal(stored, ignored)
        regions = [
            one
            for one in coco["annotations"]
            if one["image_id"] == image["id"]
            and "num_keypoints" in one
            and not one["num_keypoints"]
        ]
        assert {one["category_id"] for one in regions} == {1, 2}
        for one in regions:
            expected = mask_of(index, ignore_index) == one["category_id"]
            np.testing.assert_array_equal(region_of(one), expected)
            assert (one["iscrowd"], one["area"]) == (0, expected.sum())


def test_yolo_says_that_ignored_pixels_are_background(tmp_path: Path, ignore_index: int) -> None:
    """No polygon covers them. The note is a comment, and a batch without ignored pixels has none."""
    files = exported(tmp_path, ignore_index, "yolo-seg")
    corners = {
        float(number) * WIDTH
        for line in files["labels/train/000000002.txt"].decode().splitlines()
        for number in line.split()[1::2]
    }
    assert not any(4 < round(corner, 3) < 5 for corner in corners)
    assert files["data.yaml"].startswith(b"# Some pixels are ignored")
    without = dict(export_of(shard_set(tmp_path, ignore_index, num_samples=1), "yolo-seg"))
    assert without["data.yaml"].startswith(b"train: ")
    assert exported(tmp_path, ignore_index, "yolo-pose")["data.yaml"].startswith(b"train: ")


def test_voc_has_its_own_value_for_ignored_pixels(tmp_path: Path, ignore_index: int) -> None:
    """Its tools expect 255. Classes and palette stay, and a mask without ignored pixels is unchanged."""
    files = exported(tmp_path, ignore_index, "voc")
    for index in range(NUM_SAMPLES):
        data = files[f"SegmentationClass/{index:09d}.png"]
        np.testing.assert_array_equal(decode_mask(data), mask_of(index, 255))
        with Image.open(io.BytesIO(data)) as mask:
            assert (mask.getpalette() or [])[3:6] == [10, 200, 30]
    first = files["SegmentationClass/000000000.png"]
    assert first == files_of(0, ignore_index)["mask.png"]


@pytest.mark.parametrize(("name", "masks"), [("folder", "masks"), ("imagefolder", "train/masks")])
def test_folders_have_the_masks_of_the_shards(
    tmp_path: Path, ignore_index: int, name: str, masks: str
) -> None:
    """Byte by byte, so ignored pixels have the value that labelset.json declares."""
    files = exported(tmp_path, ignore_index, name)
    for index in range(NUM_SAMPLES):
        stored = files_of(index, ignore_index)["mask.png"]
        assert files[f"{masks}/{index:09d}.png"] == stored
    if name == "folder":
        assert json.loads(files["labelset.json"])["ignore_index"] == ignore_index


def test_only_an_imagefolder_has_soft_labels(tmp_path: Path, ignore_index: int) -> None:
    """Each row names its file; all other formats have no place for them."""
    files = exported(tmp_path, ignore_index, "imagefolder")
    rows = [json.loads(line) for line in files["train/metadata.jsonl"].splitlines()]
    for index, row in enumerate(rows):
        soft = decode_soft_labels(files[f"train/{row['soft_label_file_name']}"], HEIGHT)
        planes = soft_planes_of(index).reshape(2, 2, HEIGHT, WIDTH)
        np.testing.assert_array_equal(np.stack([soft.classes, soft.steps]), planes)
    for name in FORMATS.keys() - {"imagefolder"}:
        assert not [path for path in exported(tmp_path, ignore_index, name) if "soft" in path]
