"""Keypoints agree with the mask, and their visibility is correct."""

from dataclasses import replace

import numpy as np
import pytest

from examples.portraits.classes import IMAGE_PX, Part
from examples.portraits.drawing.head import project
from examples.portraits.drawing.keypoints import KEYPOINT_NAMES, KEYPOINT_PARTS, locate
from examples.portraits.population import draw_portrait
from examples.portraits.render import paint
from examples.portraits.traits import Glasses, Portrait

GLASSES = Glasses(width=0.31, height=0.23, thickness=0.3, roundness=2.0, tint=0.5)


def frontal(index: int, *, yaw: float = 0.0) -> Portrait:
    """Return a portrait with short hair and no accessories, frontal or turned by `yaw`."""
    portrait = draw_portrait(1, index)
    pose = replace(portrait.pose, yaw=yaw, pitch=0.0, roll=0.0)
    hair = replace(portrait.hair, style="short", length=0.0, sideburn=-0.1, volume=1.08)
    return replace(portrait, pose=pose, hair=hair, glasses=None, hat=None)


def visibility(portrait: Portrait) -> dict[str, int]:
    """Return the visibility (0, 1 or 2) by name."""
    rows = locate(portrait, paint(portrait))
    return {name: int(row[2]) for name, row in zip(KEYPOINT_NAMES, rows, strict=True)}


def test_all_keypoints_of_a_frontal_face_are_visible() -> None:
    """No layer covers them, and no part is turned away."""
    assert all(seen == 2 for seen in visibility(frontal(0)).values())


@pytest.mark.parametrize("index", range(12))
def test_a_visible_keypoint_lies_on_its_class(index: int) -> None:
    """The supersample at the point has one of the keypoint's classes."""
    portrait = draw_portrait(1, index)
    canvas = paint(portrait)
    parts = canvas.parts()
    points = dict(zip(KEYPOINT_NAMES, locate(portrait, canvas), strict=True))
    for name, (x, y, seen) in points.items():
        if seen == 2:
            assert parts[int(y * 3), int(x * 3)] in KEYPOINT_PARTS[name], name


def test_eyes_behind_glasses_are_covered() -> None:
    """The class at the point is glasses, so the visibility is 1."""
    seen = visibility(replace(frontal(0), glasses=GLASSES))
    assert (seen["left_eye"], seen["right_eye"], seen["nose_tip"]) == (1, 1, 2)


def test_turning_hides_the_far_ear() -> None:
    """A face turned to the right of the image shows only its left ear."""
    seen = visibility(frontal(0, yaw=0.6))
    assert (seen["left_ear"], seen["right_ear"]) == (2, 1)


def test_a_point_outside_the_image_has_visibility_zero() -> None:
    """A head at the left border has its left eye outside the image."""
    portrait = frontal(0)
    seen = visibility(replace(portrait, pose=replace(portrait.pose, x=1.0)))
    assert seen["left_eye"] == 0


def test_left_and_right_are_those_of_the_image() -> None:
    """The left eye has the smaller x."""
    portrait = frontal(0)
    rows = locate(portrait, paint(portrait))
    x = dict(zip(KEYPOINT_NAMES, rows[:, 0], strict=True))
    assert x["left_eye"] < x["nose_tip"] < x["right_eye"]


def test_projection_and_painting_agree() -> None:
    """The centre of the painted mouth is within 1.5 pixels of its keypoint."""
    portrait = frontal(2, yaw=0.3)
    mask = paint(portrait).mask()
    rows, columns = np.nonzero(mask == Part.MOUTH)
    v = portrait.face.mouth_v
    x, y, _ = project(portrait, 0.0, v, float(np.sqrt(1.0 - v * v)))
    assert abs(columns.mean() + 0.5 - x) < 1.5
    assert abs(rows.mean() + 0.5 - y) < 1.5
    assert 0.0 <= y < IMAGE_PX
