"""Exports: other tools read the rendered labels."""

import contextlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO  # type: ignore[import-untyped]  # it has no annotations

from handsoff_client import BatchFolder, InvalidInput, decode_sample, export
from handsoff_shards.decoding import decode_mask
from handsoff_shards.formats import FORMATS
from tests.client.conftest import files_of, mask_of


# pycocotools 2.0.11 is not ready for NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_read_by_pycocotools(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """It has masks by class, keypoints with visibility, and categories without background."""
    out = export(batch_of_14, "coco", tmp_path / "coco")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(out / "annotations.json"))
    names = {category["name"]: category["id"] for category in coco.loadCats(coco.getCatIds())}
    assert names == {"skin": 1, "hair": 2, "keypoints": 3}
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[4]))  # sample 3: its mask begins 3, 7, 11
    assert [one["category_id"] for one in annotations] == [3]
    assert annotations[0]["keypoints"] == [1.5, 2.25, 2, 7.0, 0.5, 1]
    (region,) = coco.loadAnns(coco.getAnnIds(imgIds=[2], catIds=[1]))
    assert np.array_equal(coco.annToMask(region), mask_of(1) == 1)
    assert (region["area"], region["bbox"]) == (1, [0, 0, 1, 1])
    assert (out / "images" / coco.loadImgs([4])[0]["file_name"]).read_bytes() == files_of(3)["png"]


def test_yolo_has_a_line_for_each_part(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """Class numbers do not count the background. Corners are shares of the image size."""
    out = export(batch_of_14, "yolo-seg", tmp_path / "yolo")
    assert (out / "labels/train/000000002.txt").read_text() == "1 0.125 0 0.125 0.125 0 0.125 0 0\n"
    assert (out / "labels/train/000000003.txt").read_text() == ""
    assert len(list((out / "images/train").iterdir())) == 12
    assert len(list((out / "images/val").iterdir())) == 2


def test_yolo_pose_has_one_object_for_each_image(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """A line has the box, then x, y and visibility of each keypoint."""
    out = export(batch_of_14, "yolo-pose", tmp_path / "pose")
    line = (out / "labels/train/000000000.txt").read_text()
    assert line == "0 0.53125 0.171875 0.6875 0.21875 0.1875 0.28125 2 0.875 0.0625 1\n"
    assert "kpt_shape: [2, 3]" in (out / "data.yaml").read_text()


def test_voc_keeps_the_indices(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """Images become JPEG, as in VOC. Masks do not change."""
    out = export(batch_of_14, "voc", tmp_path / "voc")
    keys = (out / "ImageSets/Segmentation/train.txt").read_text().split()
    assert len(keys) == 14
    mask = decode_mask((out / f"SegmentationClass/{keys[5]}.png").read_bytes())
    assert np.array_equal(mask, mask_of(5))
    with Image.open(out / f"JPEGImages/{keys[5]}.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (8, 8))


def test_an_imagefolder_names_every_file(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """The files of each row exist in the folder of the metadata."""
    train = export(batch_of_14, "imagefolder", tmp_path / "images") / "train"
    rows = [json.loads(line) for line in (train / "metadata.jsonl").read_text().splitlines()]
    assert [row["index"] for row in rows] == list(range(14))
    for column in ("file_name", "mask_file_name", "depth_file_name"):
        assert all((train / row[column]).is_file() for row in rows)


def test_a_folder_has_every_file_unchanged(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """It has the layout of an upload."""
    out = export(batch_of_14, "folder", tmp_path / "plain")
    files = {
        "png": (out / "images/000000009.png").read_bytes(),
        "mask.png": (out / "masks/000000009.png").read_bytes(),
        "depth.png": (out / "depth/000000009.png").read_bytes(),
    }
    assert files.items() <= files_of(9).items()
    points = (out / "keypoints/000000009.json").read_bytes()
    sample = decode_sample(files | {"keypoints.json": points})
    expected = decode_sample(files_of(9))
    np.testing.assert_array_equal(sample.keypoints, expected.keypoints)
    schema = json.loads((out / "labelset.json").read_text())
    assert schema["keypoints"]["names"] == ["left", "right"]


def test_an_export_is_atomic(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """An existing path does not change, and a damaged batch leaves no file."""
    export(batch_of_14, "coco", tmp_path / "out")
    with pytest.raises(InvalidInput, match="exists already"):
        export(batch_of_14, "coco", tmp_path / "out")
    batch_of_14.path_of(2).write_bytes(b"broken")
    for name in FORMATS:
        with pytest.raises(InvalidInput):
            export(batch_of_14, name, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch", "out"]


def test_an_unknown_or_unsuitable_format_is_refused(
    batch_of_14: BatchFolder, tmp_path: Path
) -> None:
    """The message lists the formats."""
    with pytest.raises(InvalidInput, match="Expected a format of coco, folder"):
        export(batch_of_14, "pascal", tmp_path / "out")
    batch = dict(batch_of_14.index.batch) | {"labels": {"classes": [], "ignore_index": 255}}
    bare = BatchFolder(batch_of_14.folder, type(batch_of_14.index)(batch, batch_of_14.index.shards))
    for name in set(FORMATS) - {"folder", "imagefolder"}:
        with pytest.raises(InvalidInput, match="this batch has none"):
            export(bare, name, tmp_path / name)


def test_instances_are_refused_where_there_are_no_objects(
    batch_of_14: BatchFolder, tmp_path: Path
) -> None:
    """The message lists the formats with instances. Of yolo-seg, both archives are equal."""
    for name in ("folder", "imagefolder", "voc", "yolo-pose"):
        with pytest.raises(InvalidInput, match="use coco, yolo-seg"):
            export(batch_of_14, name, tmp_path / name, instances=True)
    for name, is_same in (("coco", False), ("yolo-seg", True)):
        plain = export(batch_of_14, name, tmp_path / f"{name}.zip")
        parts = export(batch_of_14, name, tmp_path / f"{name}-parts.zip", instances=True)
        assert (plain.read_bytes() == parts.read_bytes()) is is_same


def test_a_zip_has_the_same_files(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """Names are the same, and a second zip has the same bytes."""
    folder = export(batch_of_14, "coco", tmp_path / "coco")
    first, second = (export(batch_of_14, "coco", tmp_path / f"{k}.zip") for k in range(2))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        zipped = {name: archive.read(name) for name in archive.namelist()}
    files = (path for path in folder.rglob("*") if path.is_file())
    assert zipped == {str(path.relative_to(folder)): path.read_bytes() for path in files}
