"""Tests of the service's exports as uploads: classes, pixels and keypoints are unchanged."""

from pathlib import Path

import httpx2
import numpy as np
import pytest

from handsoff_shards.formats import files_of, write_zip
from tests.shards import ignored_pixels
from tests.shards.consumers import CLASSES, POINTS, mask_of, shard_set

NUM_SAMPLES = 4


@pytest.mark.parametrize("instances", [False, True])
def test_an_uploaded_export_is_unchanged(
    client: httpx2.Client, tmp_path: Path, *, instances: bool
) -> None:
    """The keypoint category is not a class of masks, although its objects have regions for COCOeval."""
    archive = tmp_path / "coco.zip"
    write_zip(files_of(shard_set(tmp_path, NUM_SAMPLES), "coco", instances=instances), archive)
    answer = client.post("/v1/labelsets", files={"archive": archive.read_bytes()})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    masks = np.stack([mask_of(index) for index in range(NUM_SAMPLES)])
    counts = np.bincount(masks.ravel(), minlength=len(CLASSES)).tolist()
    pixels = {one["name"]: one["num_pixels"] for one in shown["classes"]}
    assert pixels == dict(zip(CLASSES, counts, strict=True))
    assert [point["name"] for point in shown["keypoints"]] == list(POINTS)
    assert shown["ignored_pixels"] == 0


@pytest.mark.parametrize("ignore_index", [255, 7])
@pytest.mark.parametrize(
    ("name", "instances"), [("coco", False), ("coco", True), ("folder", False)]
)
def test_ignored_pixels_stay_ignored(
    client: httpx2.Client, tmp_path: Path, ignore_index: int, name: str, *, instances: bool
) -> None:
    """They become no class, not even background, whatever their value and whatever the colors of the classes."""
    archive = tmp_path / "export.zip"
    batch = ignored_pixels.shard_set(tmp_path, ignore_index)
    write_zip(files_of(batch, name, instances=instances), archive)
    answer = client.post("/v1/labelsets", files={"archive": archive.read_bytes()})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    numbers = range(ignored_pixels.NUM_SAMPLES)
    masks = np.stack([ignored_pixels.mask_of(index, 255) for index in numbers])
    pixels = [one["num_pixels"] for one in shown["classes"]]
    assert pixels == [int((masks == index).sum()) for index in range(3)]
    assert shown["ignored_pixels"] == (masks == 255).sum() > 0
