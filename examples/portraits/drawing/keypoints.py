"""Twelve keypoints on the head, with their visibility.

As COCO counts it: 0 outside the image, 1 inside but covered, 2 seen.
"""

import math

import numpy as np
from numpy.typing import NDArray

from examples.portraits.classes import IMAGE_PX, Part
from examples.portraits.drawing.canvas import SUPERSAMPLES, Canvas
from examples.portraits.drawing.head import project
from examples.portraits.traits import Portrait

# Name: the classes of which one has to be on top at the point for it to be seen.
KEYPOINT_PARTS = {
    "left_eye": (Part.EYES,),
    "right_eye": (Part.EYES,),
    "left_brow": (Part.BROWS,),
    "right_brow": (Part.BROWS,),
    "nose_tip": (Part.NOSE,),
    "mouth_left": (Part.MOUTH,),
    "mouth_right": (Part.MOUTH,),
    "mouth_centre": (Part.MOUTH,),
    "chin": (Part.SKIN,),
    "head_top": (Part.HAIR, Part.SKIN),
    "left_ear": (Part.SKIN,),
    "right_ear": (Part.SKIN,),
}
KEYPOINT_NAMES = tuple(KEYPOINT_PARTS)

SKELETON = (
    ("left_brow", "right_brow"),
    ("left_ear", "left_eye"),
    ("left_eye", "right_eye"),
    ("right_eye", "right_ear"),
    ("nose_tip", "mouth_centre"),
    ("mouth_left", "mouth_centre"),
    ("mouth_centre", "mouth_right"),
    ("mouth_centre", "chin"),
)
HEAD_ENDS = ("head_top", "chin")
"""Their distance is the head's height, by which errors of keypoints are judged."""

# How far (in head radii) the visible surface may lie before a keypoint that is still seen.
HEIGHT_TOLERANCE = 0.35


def locate(portrait: Portrait, canvas: Canvas) -> NDArray[np.float32]:
    """[12, 3] float32: x and y in pixels, visibility."""
    parts = canvas.parts()
    places = _places(portrait)
    rows = []
    for name, wanted in KEYPOINT_PARTS.items():
        x, y, height = project(portrait, *places[name])
        inside = 0.0 <= x < IMAGE_PX and 0.0 <= y < IMAGE_PX
        seen = False
        if inside:
            at = int(y * SUPERSAMPLES), int(x * SUPERSAMPLES)
            above = float(canvas.height[at]) - height
            seen = int(parts[at]) in wanted and above < HEIGHT_TOLERANCE
        rows.append((x, y, 2.0 if seen else float(inside)))
    return np.array(rows, np.float32)


def _places(portrait: Portrait) -> dict[str, tuple[float, float, float]]:
    """Every keypoint in the face's frame (u, v, w); left and right are those of the image."""
    face = portrait.face
    top = 1.0 if portrait.hair.style == "bald" else portrait.hair.volume
    brow = face.eye_v - face.brow_rise
    # A little inside the corners, where the lips are still wide enough to be seen.
    corner_u, corner_v = 0.85 * face.mouth_width, face.mouth_v - 0.85**2 * face.smile
    ear = face.eye_v + 0.12
    tip = face.nose_top + 0.75 * (face.nose_tip - face.nose_top)
    return {
        "left_eye": _on_face(-face.eye_u, face.eye_v),
        "right_eye": _on_face(face.eye_u, face.eye_v),
        "left_brow": _on_face(-face.eye_u, brow),
        "right_brow": _on_face(face.eye_u, brow),
        "nose_tip": (0.0, tip, _on_face(0.0, tip)[2] + 0.75 * face.nose_height),
        "mouth_left": _on_face(-corner_u, corner_v),
        "mouth_right": _on_face(corner_u, corner_v),
        "mouth_centre": _on_face(0.0, face.mouth_v),
        "chin": _on_face(0.0, 0.97),
        "head_top": (0.0, -0.92 * top, _on_face(0.0, 0.92)[2] * top),
        "left_ear": (-1.03, ear, 0.0),
        "right_ear": (1.03, ear, 0.0),
    }


def _on_face(u: float, v: float) -> tuple[float, float, float]:
    return u, v, math.sqrt(1.0 - u * u - v * v)
