"""COCO exports: the evaluation of COCO reads the true labels for every task."""

import contextlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO  # type: ignore[import-untyped]  # it has no annotations
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]  # it has no annotations

from handsoff_shards.formats import files_of, write_folder
from handsoff_shards.labels import KeypointLabels, Labels
from handsoff_shards.reading import ShardSet
from tests.shards.consumers import CLASSES, HEIGHT, LABELS, POINTS, WIDTH, mask_of, shard_set

# pycocotools 2.0.11 is not ready for NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TASKS = ("segm", "bbox", "keypoints")
FIELDS = {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"}


def exported(shards: ShardSet, folder: Path, *, instances: bool = False) -> Any:
    """Return the export as pycocotools loads it."""
    write_folder(files_of(shards, "coco", instances=instances), folder)
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "annotations.json"))


def average_precision(coco: Any, task: str, truth: list[dict[str, Any]]) -> float:
    """Return the AP over all categories with the true labels as detections."""
    detections = [one | {"score": 1.0} for one in truth]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(coco, coco.loadRes(detections), task)
        evaluation.params.kpt_oks_sigmas = np.full(len(POINTS), 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


@pytest.mark.parametrize("instances", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_cocoeval_gives_the_true_labels_full_marks(
    tmp_path: Path, task: str, *, instances: bool
) -> None:
    """Detections are all annotations, or only those of the task."""
    coco = exported(shard_set(tmp_path, 4), tmp_path / "out", instances=instances)
    truth = coco.dataset["annotations"]
    if instances and task != "keypoints":
        # COCOeval evaluates at most 100 objects per image and category. There are more specks.
        specks = CLASSES.index("specks")
        coco.dataset["annotations"] = truth = [a for a in truth if a["category_id"] != specks]
        coco.createIndex()
    assert average_precision(coco, task, truth) == pytest.approx(1)
    field = {"segm": "segmentation", "bbox": "bbox", "keypoints": "num_keypoints"}[task]
    assert average_precision(coco, task, [one for one in truth if one[field]]) == pytest.approx(1)


@pytest.mark.parametrize("instances", [False, True])
def test_every_annotation_is_complete_and_exact(tmp_path: Path, *, instances: bool) -> None:
    """It has all fields of COCO. Area and box match the region, and the regions give the mask."""
    coco = exported(shard_set(tmp_path, 4), tmp_path / "out", instances=instances)
    drawn = {number: np.zeros((HEIGHT, WIDTH), np.uint8) for number in coco.getImgIds()}
    for one in coco.dataset["annotations"]:
        assert one.keys() == FIELDS | {"keypoints", "num_keypoints"}
        region = coco.annToMask(one)
        rows, columns = np.nonzero(region)
        left, top, width, height = one["bbox"]
        assert (one["area"], one["iscrowd"]) == (region.sum(), 0)
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
        if one["num_keypoints"] == 0:
            assert not drawn[one["image_id"]][region > 0].any()
            drawn[one["image_id"]][region > 0] = one["category_id"]
    for number, mask in drawn.items():
        np.testing.assert_array_equal(mask, mask_of(number - 1))
    assert coco.getAnnIds(imgIds=[3]) == []
    ids = [one["id"] for one in coco.dataset["annotations"]]
    assert ids == list(range(1, len(ids) + 1))


def test_an_instance_is_a_connected_region(tmp_path: Path) -> None:
    """By default a class has one region of many parts. With `instances`, each part is an object."""
    shards = shard_set(tmp_path, 1)
    specks = CLASSES.index("specks")
    by_class = exported(shards, tmp_path / "classes")
    by_part = exported(shards, tmp_path / "parts", instances=True)
    (whole,) = by_class.loadAnns(by_class.getAnnIds(catIds=[specks]))
    parts = by_part.loadAnns(by_part.getAnnIds(catIds=[specks]))
    assert len(parts) > 20
    assert sum(part["area"] for part in parts) == whole["area"]
    assert all(len(part["segmentation"]) == 1 for part in parts)


def test_keypoints_alone_are_a_data_set_too(tmp_path: Path) -> None:
    """Without masks there is one category, and all evaluations run."""
    labels = Labels(keypoints=LABELS.keypoints)
    coco = exported(shard_set(tmp_path, 4, labels), tmp_path / "out")
    assert [category["name"] for category in coco.dataset["categories"]] == ["keypoints"]
    for task in TASKS:
        assert average_precision(coco, task, coco.dataset["annotations"]) == pytest.approx(1)


def test_the_keypoints_object_is_a_box(tmp_path: Path) -> None:
    """Its region is its box of whole pixels, unlike a labelled region. Absent points are zeros."""
    coco = exported(shard_set(tmp_path, 4), tmp_path / "out")
    (points,) = coco.loadCats(coco.getCatIds(catNms=["keypoints"]))
    assert (points["keypoints"], points["skeleton"]) == (list(POINTS), [[1, 2]])
    first, edge, _ = coco.loadAnns(coco.getAnnIds(catIds=[points["id"]]))
    assert first["keypoints"] == [4.5, 6.25, 2, 30.75, 7.0, 1, 0, 0, 0]
    assert (first["num_keypoints"], first["bbox"], first["area"]) == (2, [4, 6, 27, 2], 54)
    assert first["segmentation"] == [[4, 6, 31, 6, 31, 8, 4, 8]]
    assert edge["bbox"] == [WIDTH - 1, HEIGHT - 1, 1, 1]


def test_a_batch_without_keypoints_has_no_field_of_them(tmp_path: Path) -> None:
    """Readers would expect labelled keypoints."""
    coco = exported(shard_set(tmp_path, 2, Labels(CLASSES)), tmp_path / "out")
    assert all(one.keys() == FIELDS for one in coco.dataset["annotations"])
    assert len(coco.dataset["categories"]) == len(CLASSES) - 1


def test_the_document_describes_the_batch(tmp_path: Path) -> None:
    """It has the date of the batch, not of the export, a list of licenses, and regions as text."""
    shards = shard_set(tmp_path, 2)
    finished = datetime(2026, 11, 22, 10, tzinfo=UTC)
    dated = ShardSet(shards.name, shards.labels, shards.paths, finished)
    coco = exported(dated, tmp_path / "out")
    info = coco.dataset["info"]
    assert (info["year"], info["date_created"]) == (2026, "2026/11/22")
    assert "batch_1" in info["description"]
    assert coco.dataset["licenses"] == []
    region = coco.dataset["annotations"][0]["segmentation"]
    assert isinstance(region["counts"], str)
    assert "date_created" not in exported(shards, tmp_path / "undated").dataset["info"]


def test_no_two_categories_have_one_name(tmp_path: Path) -> None:
    """A class may have the name keypoints, and background has several spellings."""
    labels = Labels(("_background_", "keypoints", "b", "c"), keypoints=KeypointLabels(POINTS))
    write_folder(files_of(shard_set(tmp_path, 1, labels), "coco"), tmp_path / "out")
    document = json.loads((tmp_path / "out/annotations.json").read_text())
    names = [category["name"] for category in document["categories"]]
    assert names == ["keypoints", "b", "c", "keypoints_"]
