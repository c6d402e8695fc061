"""Tests of the service's COCO exports as uploads: classes, pixels and keypoints are unchanged."""

from pathlib import Path

import httpx2
import numpy as np
import pytest

from handsoff_shards.formats import files_of, write_zip
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
