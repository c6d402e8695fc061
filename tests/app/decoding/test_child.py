"""Tests of the decoding child on whole uploads, in this process: accepted and refused files, and messages."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from app.decoding.child import decode
from app.decoding.protocol import OUT, DecodeJob, DecodeResult, SpooledFile
from contracts.errors.tree import Flaw
from tests.app.decoding.limits import LIMITS
from tests.app.uploading import all_kinds, encode, pairs, png, points


def decoded(folder: Path, files: Mapping[str, bytes]) -> DecodeResult:
    """Decode the files of an upload."""
    (folder / OUT).mkdir()
    spooled = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(data)
        spooled.append(SpooledFile(name=name, path=path))
    job = DecodeJob(archive=None, files=tuple(spooled), schema_text=None, limits=LIMITS)
    return decode(job, folder)


def refusal(folder: Path, files: Mapping[str, bytes]) -> Flaw:
    """Return the first flaw of an invalid upload."""
    result = decoded(folder, files)
    assert (result.upload, result.entries) == (None, ())
    return result.flaws[0]


def test_the_size_of_a_schema_is_limited(tmp_path: Path) -> None:
    """A labelset.json over the limit is refused by its size."""
    long = json.dumps({"name": "x" * LIMITS.max_json_bytes, "classes": ["a", "b"]}).encode()
    flaw = refusal(tmp_path, pairs(1) | {"labelset.json": long})
    assert (flaw.file, "at most 100000 bytes" in flaw.detail) == ("labelset.json", True)


def test_images_may_have_different_kinds_of_label(tmp_path: Path) -> None:
    """One image has all three kinds of label, the other only keypoints."""
    first, second = decoded(tmp_path, all_kinds()).entries
    assert first.mask
    assert first.depth
    assert (second.mask, second.depth, second.class_pixels) == (None, None, (0, 0, 0))
    assert second.visibility == (1, 0)


@pytest.mark.parametrize(
    ("x", "y", "is_noted"), [(0.5, 0.25, True), (0, 0, True), (1.5, 0.5, False), (4, 4, False)]
)
def test_keypoints_in_the_first_pixel_give_a_warning(
    tmp_path: Path, x: float, y: float, *, is_noted: bool
) -> None:
    """One share cannot be told from a place, but the owner can check it."""
    files = all_kinds()
    point = {"name": "nose", "x": x, "y": y}
    files["keypoints/a.json"] = json.dumps({"keypoints": [point]}).encode()
    warnings = decoded(tmp_path, files).warnings
    noted = [one.files for one in warnings if one.code == "keypoints_in_first_pixel"]
    assert noted == [("images/a.png",)] * is_noted


@pytest.mark.parametrize("turned", ["images/image-0.png", "masks/image-0.png"])
def test_one_of_two_turned_files_gives_a_warning(tmp_path: Path, turned: str) -> None:
    """An image and its mask have one orientation, or one of them was edited without the other."""
    files = pairs(2)
    exif = Image.Exif()
    exif[0x0112] = 3
    files[turned] = encode(Image.open(io.BytesIO(files[turned])), exif=exif)
    (warning,) = (one for one in decoded(tmp_path, files).warnings if one.code == "exif_turned")
    assert warning.files == (turned,)


def test_two_masks_of_one_image_are_refused(tmp_path: Path) -> None:
    """A mask file and a COCO region of the same image are ambiguous."""
    coco = {
        "images": [{"id": 1, "file_name": "image-0.png", "width": 32, "height": 32}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        "categories": [{"id": 1, "name": "skin"}],
    }
    flaw = refusal(tmp_path, pairs(1) | {"coco.json": json.dumps(coco).encode()})
    assert (flaw.file, "Keep one" in flaw.detail) == ("masks/image-0.png", True)


@pytest.mark.parametrize(
    ("changes", "file", "message"),
    [
        ({"keypoints/a.json": points("toe")}, "keypoints/a.json", "got 'toe'"),
        ({"depth/a.png": png("L", (8, 8), 9)}, "depth/a.png", "Expected a 16-bit grey"),
        ({"depth/a.png": png("I;16", (9, 8), 9)}, "depth/a.png", "same size"),
        ({"depth/c.png": png("I;16", (8, 8), 9)}, "depth/c.png", "no image"),
        ({"images/c.png": png("RGB", (8, 8))}, "images/c.png", "no label"),
        (
            {"labelset.json": b'{"classes": ["a", "b"]}'},
            "keypoints/a.json",
            "does not declare keypoints",
        ),
        ({"labelset.json": b'{"depth": {"unit": "m"}}'}, "labelset.json", "depth.scale"),
        ({"labelset.json": b"{}"}, "labelset.json", "nothing is labelled"),
        ({"labelset.json": b"[]"}, "labelset.json", "JSON object"),
        ({"coco.json": b"{}"}, "coco.json", "Export the file again"),
        ({"keypoints/c.json": points("nose")}, "keypoints/c.json", "no image"),
        (
            {"keypoints/b.json": b'{"keypoints": [{"name": "nose", "x": 1, "y": 2, "x": 3}]}'},
            "keypoints/b.json",
            "got 'x' twice",
        ),
        (
            {"coco.json": b'{"images": [], "annotations": [], "categories": [], "images": []}'},
            "coco.json",
            "got 'images' twice",
        ),
    ],
)
def test_an_invalid_label_is_refused_by_name(
    tmp_path: Path, changes: dict[str, bytes], file: str, message: str
) -> None:
    """The refusal names the file and what to do."""
    flaw = refusal(tmp_path, all_kinds() | changes)
    assert flaw.file == file
    assert message in flaw.detail


@pytest.mark.parametrize("half", ["images", "masks"])
@pytest.mark.parametrize("top", ["", "faces/"])
def test_half_a_pair_in_an_archive_is_refused_by_name(tmp_path: Path, half: str, top: str) -> None:
    """An image without its mask and a mask without its image are refused, with and without a folder around them."""
    files = {f"{top}{name}": data for name, data in pairs(2).items()}
    del files[f"{top}{half}/image-1.png"]
    archive = tmp_path / "half.zip"
    with ZipFile(archive, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    (tmp_path / OUT).mkdir()
    limits = LIMITS.model_copy(update={"max_archive_entries": 10})
    job = DecodeJob(archive=archive, files=(), schema_text=None, limits=limits)
    (flaw,) = decode(job, tmp_path).flaws
    other = "masks" if half == "images" else "images"
    assert flaw.file == f"{top}{other}/image-1.png"
    assert f"Add {half}/image-1.png" in flaw.detail


def test_annotations_of_absent_images_are_reported(tmp_path: Path) -> None:
    """They are skipped with a warning that names the images; images without annotations are no loss."""
    images = [{"id": n, "file_name": f"image-{n}.png", "width": 32, "height": 32} for n in range(4)]
    region = {"category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}
    coco = {
        "images": images,
        "annotations": [{"image_id": n} | region for n in (0, 1, 3)],
        "categories": [{"id": 1, "name": "skin"}],
    }
    files = {name: data for name, data in pairs(2).items() if name.startswith("images/")}
    result = decoded(tmp_path, files | {"coco.json": json.dumps(coco).encode()})
    assert [entry.name for entry in result.entries] == ["image-0", "image-1"]
    (warning,) = result.warnings
    assert (warning.code, warning.files) == ("coco_images_skipped", ("image-3.png",))
