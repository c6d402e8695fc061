"""Tests of the keypoint reader: accepted and refused files, and the messages."""

import json
from pathlib import Path

import pytest

from app.decoding.keypoints import UNLABELLED, NamedPoint, order_points, read_keypoints
from app.decoding.refusal import Refused
from contracts.labelsets import LabelledPoint
from contracts.schemas import KeypointSchema

SCHEMA = KeypointSchema(names=("nose", "chin", "ear"))
SIZE = (20, 10)


def place(*points: tuple[str, float, float, int]) -> tuple[LabelledPoint, ...]:
    """Return the points of an image of 20 x 10 pixels in the schema's order."""
    named = [
        NamedPoint.model_validate({"name": name, "x": x, "y": y, "visibility": seen})
        for name, x, y, seen in points
    ]
    return order_points(named, "a.json", SIZE, SCHEMA).points


def test_points_are_returned_in_schema_order() -> None:
    """Missing points and points of visibility 0, wherever they are, are unlabelled."""
    assert place(("chin", 20, 10, 1), ("nose", -5, 300, 0)) == (
        UNLABELLED,
        LabelledPoint(x=20, y=10, visibility=1),
        UNLABELLED,
    )


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([("nsoe", 1, 1, 2)], "keypoints nose, chin, ear, got 'nsoe'"),
        ([("nose", 1, 1, 2), ("nose", 2, 2, 2)], "one keypoint 'nose', got two"),
        ([("nose", 20.1, 1, 2)], r"image of 20 x 10 pixels, got \(20.1, 1\)"),
        ([("nose", 1, -0.5, 1)], "inside the upright image"),
        ([("nose", 1, 1, 0)], "visibility 1 or 2, got none"),
        ([("nose", 0.5, 0.25, 2), ("chin", 1, 0.75, 1)], "in pixels, got only coordinates from 0"),
    ],
)
def test_invalid_points_are_refused(
    points: list[tuple[str, float, float, int]], message: str
) -> None:
    """The refusal names the point and the remedy."""
    with pytest.raises(Refused, match=message):
        place(*points)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '{"keypoints": []}',
        '{"keypoints": [{"name": "nose", "x": 1}]}',
        '{"keypoints": [{"name": "nose", "x": NaN, "y": 1, "visibility": 1}]}',
        '{"keypoints": [{"name": "nose", "x": 1, "y": 1, "visibility": 3}]}',
        '{"keypoints": [{"name": "nose", "x": 1, "y": 1, "visiblity": 0}]}',
        '{"keypoints": [{"name": "nose", "x": 1, "y": 1, "visibility": true}]}',
        '{"keypoints": [{"name": "nose", "x": null, "y": 1, "visibility": 2}]}',
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, text: str) -> None:
    """The refusal shows the expected format."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(Refused, match="Expected"):
        read_keypoints(path, "a.json", 1_000)


def test_keypoints_of_a_shard_are_accepted(tmp_path: Path) -> None:
    """Generated keypoints can be corrected and uploaded; their confidence is dropped."""
    path = tmp_path / "a.json"
    path.write_text(
        '{"keypoints": [{"name": "nose", "x": 3.5, "y": 2, "visibility": 1, "confidence": 0.71}]}'
    )
    placed = order_points(read_keypoints(path, "a.json", 1_000), "a.json", SIZE, SCHEMA)
    assert placed.points[0] == LabelledPoint(x=3.5, y=2, visibility=1)


@pytest.mark.parametrize(
    "place", ['"x": null, "y": null', '"x": NaN, "y": NaN', '"x": 1, "y": null']
)
@pytest.mark.parametrize("visibility", [', "visibility": 0', ""])
def test_a_point_without_a_place_is_not_labelled(
    tmp_path: Path, place: str, visibility: str
) -> None:
    """Tools write null or NaN for points that they did not find."""
    path = tmp_path / "a.json"
    missing = f'{{"name": "nose", {place}{visibility}}}'
    path.write_text(f'{{"keypoints": [{missing}, {{"name": "chin", "x": 2, "y": 3}}]}}')
    placed = order_points(read_keypoints(path, "a.json", 1_000), "a.json", SIZE, SCHEMA)
    assert placed.points == (UNLABELLED, LabelledPoint(x=2, y=3, visibility=2), UNLABELLED)


def test_names_are_compared_in_one_form() -> None:
    """Spaces around a name and another Unicode form do not matter."""
    schema = KeypointSchema(names=("n\u00e9z", "chin"))
    points = [NamedPoint(name="ne\u0301z ", x=1, y=2)]
    placed = order_points(points, "a.json", SIZE, schema).points
    assert placed == (LabelledPoint(x=1, y=2, visibility=2), UNLABELLED)


def test_the_size_of_a_file_is_limited(tmp_path: Path) -> None:
    """A file over the limit is refused by its size."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"keypoints": [{"name": "nose", "x": 1, "y": 1}]}))
    with pytest.raises(Refused, match="at most 10 bytes"):
        read_keypoints(path, "a.json", 10)
