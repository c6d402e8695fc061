"""Keypoints between bytes, arrays and pictures."""

import json

import numpy as np

from contracts.schemas import KeypointSchema, LabelSchema
from workers.codecs.keypoints import (
    HIDDEN_COLOR,
    VISIBLE_COLOR,
    KeypointCodec,
    draw_points,
)
from workers.codecs.task import Fields

SCHEMA = KeypointSchema(names=("head_top", "chin", "ear"), reference=("head_top", "chin"))


def points(*rows: tuple[float, float, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return the keypoints of one image."""
    return np.array(rows, dtype=np.float32)


def test_points_are_written_by_name() -> None:
    """They have the schema's order, with visibility and confidence, in the format of uploads."""
    fields: Fields = {
        "points": points((1, 2, 1), (3, 4, 0), (5, 6.12345, 0)),
        "visibility": np.array([2, 1, 2], np.uint8),
    }
    data = KeypointCodec().encode(fields, LabelSchema(keypoints=SCHEMA))
    last = json.loads(data)["keypoints"][2]
    assert last == {"name": "ear", "x": 5.0, "y": 6.123, "visibility": 2, "confidence": 0.0}


def test_dots_show_visibility() -> None:
    """A visible point is a bright dot, a hidden point a gray one, and an unlabelled point is not drawn."""
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    drawn = draw_points(picture, points((3.5, 4.5, 2), (9.5, 9.5, 1), (15.5, 15.5, 0)))
    assert tuple(drawn[4, 3]) == VISIBLE_COLOR
    assert tuple(drawn[9, 9]) == HIDDEN_COLOR
    assert not drawn[15, 15].any()
    assert not picture.any()


def test_keypoints_are_scored_in_pixels() -> None:
    """The score is the mean distance of the labelled points."""
    truth = points((1, 1, 2), (5, 5, 0))
    assert KeypointCodec().agreement(points((4, 5, 2), (0, 0, 2)), truth) == [
        "keypoints 5.0 px off"
    ]
    assert KeypointCodec().agreement(truth, points((1, 1, 0))) == []


def test_absent_points_are_an_empty_label() -> None:
    """One labelled point is enough."""
    assert KeypointCodec().is_empty(points((0, 0, 0)))
    assert not KeypointCodec().is_empty(points((0, 0, 0), (1, 1, 1)))
