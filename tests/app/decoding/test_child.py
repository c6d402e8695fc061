"""Promises of the decoding child about an upload as a whole, in this process: what is refused, and what is said."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.decoding.child import decode
from app.decoding.protocol import OUT, DecodeJob, DecodeResult, SpooledFile
from contracts.errors.tree import Flaw
from tests.app.decoding.archives.test_archive import LIMITS
from tests.app.uploading import all_kinds, pairs, png, points


def decoded(folder: Path, files: Mapping[str, bytes]) -> DecodeResult:
    """What becomes of the files of an upload."""
    (folder / OUT).mkdir()
    spooled = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(data)
        spooled.append(SpooledFile(name=name, path=path))
    job = DecodeJob(archive=None, files=tuple(spooled), schema_text=None, limits=LIMITS)
    return decode(job, folder)


def refusal(folder: Path, files: Mapping[str, bytes]) -> Flaw:
    """The first thing that is wrong with an upload."""
    result = decoded(folder, files)
    assert (result.upload, result.entries) == (None, ())
    return result.flaws[0]


def test_a_schema_has_a_limit_of_bytes(tmp_path: Path) -> None:
    """Names and numbers need no megabytes."""
    long = json.dumps({"name": "x" * LIMITS.max_json_bytes, "classes": ["a", "b"]}).encode()
    flaw = refusal(tmp_path, pairs(1) | {"labelset.json": long})
    assert (flaw.file, "larger than 100000 bytes" in flaw.detail) == ("labelset.json", True)


def test_images_may_lack_some_kinds_of_label(tmp_path: Path) -> None:
    """Of the two images one has all three kinds, the other keypoints alone."""
    first, second = decoded(tmp_path, all_kinds()).entries
    assert first.mask
    assert first.depth
    assert (second.mask, second.depth, second.class_pixels) == (None, None, (0, 0, 0))
    assert second.visibility == (1, 0)


def test_an_image_is_labelled_once(tmp_path: Path) -> None:
    """A mask of its own beside a region in the COCO file: which counts is not guessed."""
    coco = {
        "images": [{"id": 1, "file_name": "image-0.png", "width": 32, "height": 32}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        "categories": [{"id": 1, "name": "skin"}],
    }
    flaw = refusal(tmp_path, pairs(1) | {"coco.json": json.dumps(coco).encode()})
    assert (flaw.file, "Keep one" in flaw.detail) == ("masks/image-0.png", True)


@pytest.mark.parametrize(
    ("spoilt", "file", "said"),
    [
        ({"keypoints/a.json": points("toe")}, "keypoints/a.json", "no keypoint 'toe'"),
        ({"depth/a.png": png("L", (8, 8), 9)}, "depth/a.png", "16-bit grey was expected"),
        ({"depth/a.png": png("I;16", (9, 8), 9)}, "depth/a.png", "same size"),
        ({"depth/c.png": png("I;16", (8, 8), 9)}, "depth/c.png", "no image"),
        ({"images/c.png": png("RGB", (8, 8))}, "images/c.png", "no label"),
        ({"labelset.json": b'{"classes": ["a", "b"]}'}, "keypoints/a.json", "does not say"),
        ({"labelset.json": b'{"depth": {"unit": "m"}}'}, "labelset.json", "depth.scale"),
        ({"labelset.json": b"{}"}, "labelset.json", "nothing is labelled"),
        ({"labelset.json": b"[]"}, "labelset.json", "JSON object"),
        ({"coco.json": b"{}"}, "coco.json", "Export it again"),
    ],
)
def test_a_bad_label_is_named_with_its_mend(
    tmp_path: Path, spoilt: dict[str, bytes], file: str, said: str
) -> None:
    """Each refusal names the file and what to do."""
    flaw = refusal(tmp_path, all_kinds() | spoilt)
    assert flaw.file == file
    assert said in flaw.detail
