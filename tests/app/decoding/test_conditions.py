"""Conditions in an upload: the class of each image for a class-conditional generator."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.decoding.child import decode
from app.decoding.protocol import OUT, DecodeJob, DecodeResult, SpooledFile
from tests.app.decoding.limits import LIMITS
from tests.app.uploading import SCHEMA, pairs, png


def decoded(folder: Path, files: dict[str, bytes]) -> DecodeResult:
    """Decode the files of an upload."""
    (folder / OUT).mkdir()
    spooled = []
    for number, (name, data) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(data)
        spooled.append(SpooledFile(name=name, path=path))
    return decode(
        DecodeJob(archive=None, files=tuple(spooled), schema_text=None, limits=LIMITS), folder
    )


def with_conditions(conditions: object, count: int = 2) -> dict[str, bytes]:
    """Return an upload whose labelset.json has these conditions."""
    schema = SCHEMA | {"conditions": conditions}
    return pairs(count) | {"labelset.json": json.dumps(schema).encode()}


def with_coco(*conditions: object, **schema: Any) -> dict[str, bytes]:
    """Return an upload of two images with a COCO file, whose images have these conditions."""
    region = {"segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]], "category_id": 1}
    content = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 8, "height": 8}
            | ({} if condition is None else {"condition": condition})
            for number, condition in enumerate(conditions)
        ],
        "annotations": [region | {"image_id": number} for number in range(len(conditions))],
        "categories": [{"id": 1, "name": "skin"}],
    }
    files = {f"images/{number}.png": png("RGB", (8, 8)) for number in range(2)}
    files["annotations.json"] = json.dumps(content).encode()
    return files | ({"labelset.json": json.dumps(schema).encode()} if schema else {})


def test_every_image_gets_its_condition(tmp_path: Path) -> None:
    """By its name without folder and suffix."""
    result = decoded(tmp_path, with_conditions({"image-0": 3, "image-1": 0}))
    assert {one.name: one.condition for one in result.entries} == {"image-0": 3, "image-1": 0}


def test_conditions_are_optional(tmp_path: Path) -> None:
    """Without them, no image has one, and the label schema has no such field."""
    result = decoded(tmp_path, pairs(2))
    assert [one.condition for one in result.entries] == [None, None]
    assert result.upload is not None
    assert "conditions" not in result.upload.labels.model_dump()


@pytest.mark.parametrize(
    ("conditions", "file", "message"),
    [
        ({"image-0": 1}, "images/image-1.png", "The image has no condition, but other images"),
        ({"image-0": 1, "image-1": 0, "other": 2}, "labelset.json", "there is no image 'other'"),
        ({"image-0.png": 1, "image-1": 0}, "labelset.json", "without folder and suffix"),
        ({"image-0": 1, "image-1": -1}, "labelset.json", "conditions.image-1: Expected a number"),
        ({"image-0": 1, "image-1": 2.5}, "labelset.json", "conditions.image-1: Expected a whole"),
        ({"image-0": 1, "image-1": True}, "labelset.json", "conditions.image-1: Expected a whole"),
        ({"image-0": 1, "image-1": "2"}, "labelset.json", "conditions.image-1: Expected a whole"),
        ([1, 2], "labelset.json", "conditions: Expected an object"),
    ],
)
def test_invalid_conditions_are_refused(
    tmp_path: Path, conditions: object, file: str, message: str
) -> None:
    """The flaw names the file and the image."""
    flaw = decoded(tmp_path, with_conditions(conditions)).flaws[0]
    assert (flaw.file, message in flaw.detail) == (file, True), flaw.detail


@pytest.mark.parametrize(
    "schema",
    [
        b'{"classes": ["a", "b"], "conditions": {"image-0": 1, "image-1": 0, "image-0": 2}}',
        b'{"classes": ["a", "b"], "conditions": {}, "conditions": {"image-0": 2, "image-1": 0}}',
    ],
)
def test_a_field_that_is_there_twice_is_refused(tmp_path: Path, schema: bytes) -> None:
    """Readers of JSON keep the last one, and the other condition of the image would be lost."""
    flaw = decoded(tmp_path, pairs(2) | {"labelset.json": schema}).flaws[0]
    assert (flaw.file, "twice in one object" in flaw.detail) == ("labelset.json", True)
    assert flaw.detail.startswith("Expected every field once, got '")


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    """Unicode can write some letters in two ways: which of the two conditions counts?"""
    files = with_conditions({"\u00e9": 1, "e\u0301": 2}, count=0)
    files |= {
        "images/\u00e9.png": png("RGB", (32, 32)),
        "masks/\u00e9.png": pairs(1)["masks/image-0.png"],
    }
    flaw = decoded(tmp_path, files).flaws[0]
    assert "twice" in flaw.detail


def test_a_coco_file_has_conditions_of_its_images(tmp_path: Path) -> None:
    """Also of images that were not sent, which do not count."""
    result = decoded(tmp_path, with_coco(4, 0, 9))
    assert [one.condition for one in result.entries] == [4, 0]


def test_a_coco_field_with_another_meaning_is_ignored(tmp_path: Path) -> None:
    """Tools add any fields: a text is no class."""
    assert [one.condition for one in decoded(tmp_path, with_coco("sunny", "wet")).entries] == [
        None,
        None,
    ]


def test_a_coco_file_with_some_conditions_is_refused(tmp_path: Path) -> None:
    """The flaw names the image without."""
    flaw = decoded(tmp_path, with_coco(4, None)).flaws[0]
    assert (flaw.file, "has no condition" in flaw.detail) == ("images/1.png", True)


def test_conditions_stand_in_one_place(tmp_path: Path) -> None:
    """In the COCO file and in labelset.json, one could contradict the other."""
    files = with_coco(4, 0, conditions={"0": 4, "1": 0})
    assert "got both" in decoded(tmp_path, files).flaws[0].detail
