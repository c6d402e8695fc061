"""Tests of the service's exports as uploads: classes, pixels and keypoints are unchanged."""

import json
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.labelsets import LabelsetManifest, StoredKeypoints
from handsoff_shards.formats import files_of, write_zip
from state import keys, records
from state.store import Store
from tests.shards import ignored_pixels
from tests.shards.consumers import CLASSES, LABELS, POINTS, mask_of, shard_set

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


def test_a_folder_is_unchanged(client: httpx2.Client, tmp_path: Path) -> None:
    """Also if an image has a mask and no labelled keypoint."""
    archive = tmp_path / "folder.zip"
    schema = {"classes": list(CLASSES), "keypoints": {"names": list(POINTS)}}
    batch = shard_set(tmp_path, NUM_SAMPLES, replace(LABELS, json=schema))
    write_zip(files_of(batch, "folder"), archive)
    answer = client.post("/v1/labelsets", files={"archive": archive.read_bytes()})
    assert answer.status_code == 201, answer.text
    tasks = [entry["tasks"] for entry in answer.json()["entries"]]
    assert tasks == [["segmentation", "keypoints"]] * 2 + [["segmentation"], tasks[0]]


def test_whole_coordinates_are_unchanged(
    client: httpx2.Client, store: Store, tmp_path: Path
) -> None:
    """A generated point may be at a whole number, which in other COCO files is the index of a pixel."""
    batch = shard_set(tmp_path, 2)
    files = dict(files_of(batch, "coco"))
    content = json.loads(files["annotations.json"])
    (pose,) = (one for one in content["annotations"] if one["num_keypoints"] == 2)
    pose["keypoints"] = [4.0, 6.0, 2, 30.0, 7.0, 1, 0, 0, 0]
    files["annotations.json"] = json.dumps(content).encode()
    write_zip(files.items(), tmp_path / "coco.zip")
    upload = {"archive": (tmp_path / "coco.zip").read_bytes()}
    shown = client.post("/v1/labelsets", files=upload).json()
    key = keys.manifest(DEFAULT_TENANT, "labelsets", shown["id"])
    manifest = records.read(store, key, LabelsetManifest)
    assert manifest is not None
    stored = manifest.entries[0].keypoints
    assert stored is not None
    points = StoredKeypoints.model_validate_json(store.get(stored.key)).points
    assert [(one.x, one.y) for one in points] == [(4, 6), (30, 7), (0, 0)]


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
