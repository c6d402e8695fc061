"""Promises of the COCO reader: whose labels are whose, what they become, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.decoding.coco import CocoFile, read_coco
from app.decoding.coco_labels import draw_mask, find_points
from app.decoding.parts import Named
from app.decoding.refusal import Refused
from contracts.schemas import LabelSchema
from tests.app.decoding.test_archive import LIMITS

FILE = "coco.json"
LABELS = LabelSchema(classes=("background", "skin", "eye"))
SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]
DOT = [1, 1, 2, 1, 2, 2, 1, 2]


def coco(*annotations: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A file about one image of 6 x 4 pixels, its annotations of category 1 unless they say otherwise."""
    whole = {
        "info": {"year": 2026},
        "images": [{"id": 7, "file_name": "photos/a.jpg", "width": 6, "height": 4, "licence": 1}],
        "categories": [
            {"id": 2, "name": "eye"},
            {"id": 1, "name": "skin", "keypoints": ["nose", "chin"], "skeleton": [[1, 2]]},
        ],
        "annotations": [{"image_id": 7, "category_id": 1} | one for one in annotations],
    }
    return whole | changed


def read(tmp_path: Path, content: object) -> CocoFile:
    """The file as it is read."""
    path = tmp_path / FILE
    path.write_text(json.dumps(content))
    return read_coco(Named(FILE, path), LIMITS)


def mask(found: CocoFile) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The mask of image `a`."""
    return np.asarray(draw_mask(found, FILE, "a", (6, 4), labels=LABELS))


def test_the_schema_can_be_read_from_the_file(tmp_path: Path) -> None:
    """Background and the categories by id; keypoints by name, the skeleton too."""
    said = read(
        tmp_path, coco({"segmentation": [SQUARE], "keypoints": [1, 1, 2, 2, 2, 2]})
    ).declared()
    assert said["classes"] == ["background", "skin", "eye"]
    assert said["keypoints"] == {"names": ["nose", "chin"], "skeleton": [["nose", "chin"]]}


def test_smaller_regions_lie_above_larger_ones(tmp_path: Path) -> None:
    """Whatever their order in the file, an eye is not hidden by the skin around it; the rest is background."""
    found = read(
        tmp_path, coco({"category_id": 2, "segmentation": [DOT]}, {"segmentation": [SQUARE]})
    )
    assert np.bincount(mask(found).ravel()).tolist() == [8, 15, 1]


@pytest.mark.parametrize("counts", [[16, 4, 4], "`044"])
def test_run_lengths_are_drawn(tmp_path: Path, counts: object) -> None:
    """Plain or compressed."""
    found = read(tmp_path, coco({"segmentation": {"size": [4, 6], "counts": counts}}))
    assert np.argwhere(mask(found) == 1).tolist() == [[row, 4] for row in range(4)]


def test_a_crowd_is_ignored(tmp_path: Path) -> None:
    """Where single objects could not be told apart, only those drawn over the crowd count."""
    crowd = {"iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 24]}}
    found = read(tmp_path, coco({"segmentation": [DOT]}, crowd))
    assert np.bincount(mask(found).ravel(), minlength=256)[[1, 255]].tolist() == [1, 23]


def test_whole_numbers_are_indices_of_pixels(tmp_path: Path) -> None:
    """COCO's own keypoints are; their centre is half a pixel on. Fractions are taken as they are."""
    whole = read(tmp_path, coco({"keypoints": [1, 2, 2, 0, 0, 0]}))
    exact = read(tmp_path, coco({"keypoints": [1.25, 2, 2, 0, 0, 0]}))
    points = [find_points(found, FILE, "a", (6, 4))[0] for found in (whole, exact)]
    assert [(point.name, point.x, point.y) for point in points] == [
        ("nose", 1.5, 2.5),
        ("nose", 1.25, 2.0),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"annotations": []}, "images: It is missing. Export it again"),
        (coco({"image_id": 8}), "annotations.0 is of image 8"),
        (coco({"category_id": 9}), "annotations.0 is of image 7 and category 9"),
        (coco(*[{}] * 6), "has 6 annotations; at most 5"),
        (coco({"segmentation": [SQUARE * 300]}), "1200 corners and runs together; at most 1000"),
        (coco(info="x" * 100_000), "larger than 100000 bytes"),
        (
            coco(
                images=[
                    {"id": n, "file_name": f"{n}/a.png", "width": 1, "height": 1} for n in (1, 2)
                ]
            ),
            "same name",
        ),
        (
            coco(categories=[{"id": 1, "name": "skin", "keypoints": ["a"], "skeleton": [[0, 1]]}]),
            "skeleton of 'skin'",
        ),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(
    tmp_path: Path, content: object, said: str
) -> None:
    """Missing parts, ids that lead nowhere, and every limit."""
    with pytest.raises(Refused, match=said):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"segmentation": [[0, 0, 1, 1]]}, "4 numbers, not two for each of three corners"),
        ({"segmentation": {"size": [6, 4], "counts": [24]}}, r"its size is \[6, 4\]"),
        ({"segmentation": {"size": [4, 6], "counts": [3]}}, "add up to 3"),
        ({"segmentation": {"size": [4, 6], "counts": "oops"}}, "compressed runs"),
    ],
)
def test_a_region_that_cannot_be_drawn_is_refused(
    tmp_path: Path, annotation: dict[str, Any], said: str
) -> None:
    """The refusal says what is wrong with it."""
    with pytest.raises(Refused, match=said):
        mask(read(tmp_path, coco(annotation)))


def test_an_unknown_category_is_refused(tmp_path: Path) -> None:
    """A category that labelset.json does not name is not dropped in silence."""
    found = read(tmp_path, coco({"segmentation": [DOT]}, categories=[{"id": 1, "name": "hat"}]))
    with pytest.raises(Refused, match="'hat' is not among the classes"):
        mask(found)


def test_another_image_than_the_annotated_is_refused(tmp_path: Path) -> None:
    """One that was scaled since would get shifted labels."""
    with pytest.raises(Refused, match="is 6 x 4, the one that came"):
        draw_mask(read(tmp_path, coco()), FILE, "a", (12, 8), labels=LABELS)


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        (
            [{"keypoints": [1, 1, 2, 1, 1, 2]}] * 2,
            "2 objects in image 'photos/a.jpg' have keypoints",
        ),
        ([{"keypoints": [1, 1, 2]}], "has 3 numbers for its keypoints"),
        ([{"keypoints": [1, 1, 2, 1, 1, 5]}], "visibility other than 0, 1 and 2"),
    ],
)
def test_keypoints_that_are_not_one_set_are_refused(
    tmp_path: Path, annotations: list[dict[str, Any]], said: str
) -> None:
    """One object for each image, three numbers for each name."""
    with pytest.raises(Refused, match=said):
        find_points(read(tmp_path, coco(*annotations)), FILE, "a", (6, 4))
