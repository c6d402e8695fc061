"""Twelve keypoints on the head.

Visibility follows COCO: 0 outside the image, 1 inside but covered, 2 visible.
"""

import math

import numpy as np
from numpy.typing import NDArray

from examples.portraits.classes import IMAGE_PX, Part
from examples.portraits.drawing.canvas import SUPERSAMPLES, Canvas
from examples.portraits.drawing.head import project
from examples.portraits.traits import Portrait

# Name: the keypoint is visible if the top class at its position is one of these.
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
"""Their distance is the head's height, the unit of keypoint errors."""

# A visible keypoint may lie this far (in head radii) behind the visible surface.
HEIGHT_TOLERANCE = 0.35


def locate(portrait: Portrait, canvas: Canvas) -> NDArray[np.float32]:
    """Return float32 [12, 3]: x and y in pixels, visibility."""
    parts = canvas.parts()
    positions = _positions(portrait)
    rows = []
    for name, expected_parts in KEYPOINT_PARTS.items():
        x, y, height = project(portrait, *positions[name])
        inside = 0.0 <= x < IMAGE_PX and 0.0 <= y < IMAGE_PX
        visible = False
        if inside:
            at = int(y * SUPERSAMPLES), int(x * SUPERSAMPLES)
            above = float(canvas.height[at]) - height
            visible = int(parts[at]) in expected_parts and above < HEIGHT_TOLERANCE
        rows.append((x, y, 2.0 if visible else float(inside)))
    return np.array(rows, np.float32)


def _positions(portrait: Portrait) -> dict[str, tuple[float, float, float]]:
    """Return every keypoint in the frame of the face (u, v, w). Left and right are those of the image."""
    face = portrait.face
    top = 1.0 if portrait.hair.style == "bald" else portrait.hair.volume
    brow = face.eye_v - face.brow_rise
    # Slightly inside the corners, where the lips are thick enough to be visible.
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
