"""Promises of the keypoint reader: what is taken, what is refused, and what the refusal says."""

import json
from pathlib import Path

import pytest

from app.decoding.keypoints import UNLABELLED, NamedPoint, place_points, read_keypoints
from app.decoding.refusal import Refused
from contracts.labelsets import LabelledPoint
from contracts.schemas import KeypointSchema

SCHEMA = KeypointSchema(names=("nose", "chin", "ear"))
SIZE = (20, 10)


def place(*points: tuple[str, float, float, int]) -> tuple[LabelledPoint, ...]:
    """The points of an image of 20 x 10 pixels in the schema's order."""
    named = [
        NamedPoint.model_validate({"name": name, "x": x, "y": y, "visibility": seen})
        for name, x, y, seen in points
    ]
    return place_points(named, "a.json", SIZE, SCHEMA).points


def test_points_come_in_the_schemas_order() -> None:
    """One that did not come, and one of visibility 0 wherever it lies, are not labelled."""
    assert place(("chin", 20, 10, 1), ("nose", -5, 300, 0)) == (
        UNLABELLED,
        LabelledPoint(x=20, y=10, visibility=1),
        UNLABELLED,
    )


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([("nsoe", 1, 1, 2)], "no keypoint 'nsoe'; it has nose, chin, ear"),
        ([("nose", 1, 1, 2), ("nose", 2, 2, 2)], "came twice"),
        ([("nose", 20.1, 1, 2)], r"lies at \(20.1, 1\), outside the image of 20 x 10"),
        ([("nose", 1, -0.5, 1)], "outside the image"),
        ([("nose", 1, 1, 0)], "labels nothing"),
    ],
)
def test_points_that_cannot_be_meant_are_refused(
    points: list[tuple[str, float, float, int]], said: str
) -> None:
    """The refusal names the point and the mend."""
    with pytest.raises(Refused, match=said):
        place(*points)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '{"keypoints": []}',
        '{"keypoints": [{"name": "nose", "x": 1}]}',
        '{"keypoints": [{"name": "nose", "x": NaN, "y": 1}]}',
        '{"keypoints": [{"name": "nose", "x": 1, "y": 1, "visibility": 3}]}',
        '{"keypoints": [{"name": "nose", "x": 1, "y": 1, "visiblity": 0}]}',
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """The refusal shows what was expected."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(Refused, match="Expected"):
        read_keypoints(path, "a.json", 1_000)


def test_a_shards_own_keypoints_are_labels(tmp_path: Path) -> None:
    """What a batch holds may be corrected and uploaded as it is: the confidence of each point is passed over."""
    path = tmp_path / "a.json"
    path.write_text(
        '{"keypoints": [{"name": "nose", "x": 3.5, "y": 2, "visibility": 1, "confidence": 0.71}]}'
    )
    placed = place_points(read_keypoints(path, "a.json", 1_000), "a.json", SIZE, SCHEMA)
    assert placed.points[0] == LabelledPoint(x=3.5, y=2, visibility=1)


def test_a_file_has_a_limit_of_bytes(tmp_path: Path) -> None:
    """A file that is too long for one image's keypoints is not read."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"keypoints": [{"name": "nose", "x": 1, "y": 1}]}))
    with pytest.raises(Refused, match="larger than 10 bytes"):
        read_keypoints(path, "a.json", 10)
