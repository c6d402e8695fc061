"""Tests of the label schema that is derived from a COCO file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.decoding.coco.classes import derive_schema
from app.decoding.coco.file import CocoFile
from app.decoding.refusal import Notices, Refused
from tests.app.decoding.coco.annotating import DOT, FILE, SQUARE, coco, read


def schema_of(content: CocoFile, notices: Notices | None = None) -> Mapping[str, Any]:
    """Return the schema that is derived from the file."""
    return derive_schema(content, FILE, notices or Notices(), own_classes=False)


def test_the_schema_is_derived_from_the_file(tmp_path: Path) -> None:
    """It has background, the categories by id, the keypoint names and the skeleton."""
    content = coco({"segmentation": [SQUARE], "keypoints": [1, 1, 2, 2, 2, 2]})
    schema = schema_of(read(tmp_path, content))
    assert schema["classes"] == ["background", "skin", "eye"]
    assert schema["keypoints"] == {"names": ["nose", "chin"], "skeleton": [["nose", "chin"]]}


@pytest.mark.parametrize(
    ("categories", "classes"),
    [
        ([{"id": 0, "name": "parts"}, {"id": 1, "name": "skin", "supercategory": "parts"}], "skin"),
        (
            [
                {"id": 0, "name": "skin", "supercategory": "none"},
                {"id": 1, "name": "skin", "supercategory": "skin"},
            ],
            "skin",
        ),
        ([{"id": 1, "name": "skin"}, {"id": 3, "name": "body", "keypoints": ["nose"]}], "skin"),
        (
            [{"id": 1, "name": "skin", "supercategory": "skin"}, {"id": 2, "name": "hat"}],
            "skin hat",
        ),
    ],
)
def test_supercategories_and_keypoint_categories_are_not_classes(
    tmp_path: Path, categories: list[dict[str, Any]], classes: str
) -> None:
    """A supercategory and a category with only keypoints are not classes; one without annotations is."""
    content = coco({"segmentation": [SQUARE]}, categories=categories)
    assert schema_of(read(tmp_path, content))["classes"] == ["background", *classes.split()]


@pytest.mark.parametrize("name", ["background", "Background", "_background_"])
def test_a_background_category_is_the_background(tmp_path: Path, name: str) -> None:
    """No second background class is added."""
    categories = [{"id": 0, "name": name}, {"id": 1, "name": "skin"}]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, categories=categories))
    assert schema_of(content)["classes"] == [name, "skin"]


def test_two_categories_with_one_name_are_refused(tmp_path: Path) -> None:
    """They are ambiguous; the refusal names both ids."""
    content = coco(
        {"segmentation": [SQUARE]},
        {"category_id": 4, "segmentation": [DOT]},
        categories=[{"id": 1, "name": "skin"}, {"id": 4, "name": "skin "}],
    )
    with pytest.raises(Refused, match="got 'skin' for categories 1 and 4"):
        schema_of(read(tmp_path, content))


@pytest.mark.parametrize(
    ("skeleton", "lines"),
    [
        ([[1, 2]], [["nose", "chin"]]),
        ([[0, 1]], [["nose", "chin"]]),
        ([[1, 3]], []),
        ([[1]], []),
        ("nose-chin", []),
        (None, []),
    ],
)
def test_an_invalid_skeleton_is_ignored(
    tmp_path: Path, skeleton: object, lines: list[list[str]]
) -> None:
    """Numbers may start at 1 or 0; an invalid skeleton is dropped, since it only affects drawings."""
    categories = [{"id": 1, "name": "s", "keypoints": ["nose", "chin"], "skeleton": skeleton}]
    content = read(tmp_path, coco({"keypoints": [1, 1, 2, 2, 2, 2]}, categories=categories))
    assert schema_of(content)["keypoints"]["skeleton"] == lines


def test_a_skeleton_without_keypoints_is_ignored(tmp_path: Path) -> None:
    """A category without keypoint names has no skeleton."""
    categories = [{"id": 1, "name": "skin", "skeleton": [[0, 1]]}]
    content = read(tmp_path, coco({"segmentation": [SQUARE]}, categories=categories))
    assert schema_of(content) == {"classes": ["background", "skin"]}
