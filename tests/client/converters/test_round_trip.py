"""The service's own exports for other tools, converted back: the same masks and keypoints, pixel by pixel."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from handsoff_client.converters.formats import roboflow, voc, yolo
from handsoff_client.data.exports import export
from handsoff_shards.reading import samples_of
from tests.client.conftest import PX, Mask, batch_folder
from tests.client.converters.conftest import Result

Convert = Callable[..., Result]


@pytest.fixture
def mask() -> Mask:
    """Parts, holes, and single pixels of three classes."""
    return np.random.default_rng(5).integers(0, 3, (PX, PX), np.uint8)


def test_yolo_segmentation(tmp_path: Path, converted: Convert, mask: Mask) -> None:
    """Polygons with holes, in both splits."""
    out = export(batch_folder(tmp_path / "batch", 2, mask=mask), "yolo-seg", tmp_path / "yolo")
    result = converted(yolo.convert, out)
    assert list(result.masks.values()) == [mask.tolist()] * 2
    assert result.schema["classes"] == ["background", "skin", "hair"]


def test_yolo_pose(tmp_path: Path, converted: Convert) -> None:
    """Places and visibility; the export has flip_idx, but no names of keypoints."""
    batch = batch_folder(tmp_path / "batch", 2)
    out = export(batch, "yolo-pose", tmp_path / "yolo")
    result = converted(yolo.convert, out, keypoints=["left", "right"])
    exported = next(samples_of(batch.shards)).sample.keypoints
    assert exported is not None
    for points in result.keypoints.values():
        found = [[one["x"], one["y"], one["visibility"]] for one in points]
        assert np.allclose(found, exported, atol=1e-4)


def test_voc(tmp_path: Path, converted: Convert, mask: Mask) -> None:
    """Palette masks with the names of their values."""
    out = export(batch_folder(tmp_path / "batch", 2, mask=mask), "voc", tmp_path / "voc")
    result = converted(voc.convert, out, classes=["background", "skin", "hair"])
    assert list(result.masks.values()) == [mask.tolist()] * 2


@pytest.mark.parametrize("instances", [False, True])
def test_coco(tmp_path: Path, converted: Convert, mask: Mask, *, instances: bool) -> None:
    """Compressed run lengths, of classes and of instances, in the layout of Roboflow."""
    batch = batch_folder(tmp_path / "batch", 1, mask=mask)
    out = export(batch, "coco", tmp_path / "coco", instances=instances)
    (file,) = out.rglob("*.json")
    shutil.move(file, next(out.rglob("*.png")).parent / "_annotations.coco.json")
    result = converted(roboflow.convert, out)
    assert list(result.masks.values()) == [mask.tolist()]
