"""Keypoints to bytes, lengths and pictures."""

import json

import numpy as np
import pytest

from contracts.schemas import KeypointSchema
from workers.codecs.keypoints import (
    COVERED_COLOUR,
    SEEN_COLOUR,
    draw_points,
    encode_points,
    reference_px,
)

SCHEMA = KeypointSchema(names=("head_top", "chin", "ear"), reference=("head_top", "chin"))
PX = (64, 48)


def points(*rows: tuple[float, float, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Keypoints of one image."""
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        ([(10, 10, 2), (13, 14, 1), (0, 30, 2)], 5.0),  # the two reference points
        ([(10, 10, 2), (0, 0, 0), (0, 30, 2)], 20.0),  # one is missing: the box of the others
        ([(10, 10, 2), (0, 0, 0), (0, 0, 0)], 64.0),  # a box of no height: the image
    ],
)
def test_errors_are_judged_by_a_length_in_the_image(
    rows: list[tuple[float, float, int]], length: float
) -> None:
    """The head's height where its ends are labelled, else the box around the labelled points."""
    assert reference_px(points(*rows), SCHEMA, PX) == length


def test_points_are_written_by_name() -> None:
    """In the schema's order, with visibility and confidence: the format that an upload takes."""
    data = encode_points(
        points((1, 2, 1), (3, 4, 0), (5, 6.12345, 0)), np.array([2, 1, 2], np.uint8), SCHEMA
    )
    last = json.loads(data)["keypoints"][2]
    assert last == {"name": "ear", "x": 5.0, "y": 6.123, "visibility": 2, "confidence": 0.0}


def test_dots_say_what_is_seen() -> None:
    """A bright dot for a seen point, a grey one for a covered one, none for one that is not labelled."""
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    drawn = draw_points(picture, points((3.5, 4.5, 2), (9.5, 9.5, 1), (15.5, 15.5, 0)))
    assert tuple(drawn[4, 3]) == SEEN_COLOUR
    assert tuple(drawn[9, 9]) == COVERED_COLOUR
    assert not drawn[15, 15].any()
    assert not picture.any()
