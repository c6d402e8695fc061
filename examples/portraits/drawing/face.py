"""The face: ears, skin, eyes, brows, nose and mouth, painted in the frame of the face."""

import math
from dataclasses import replace

import numpy as np

from examples.portraits.classes import Material
from examples.portraits.drawing.canvas import Canvas, box_around, coordinates
from examples.portraits.drawing.head import Surface, lambert, project, surface
from examples.portraits.traits import Portrait


def paint_face(canvas: Canvas, portrait: Portrait) -> None:
    """Paint everything on the head except hair and accessories."""
    _paint_ears(canvas, portrait)
    head = _paint_skin(canvas, portrait)
    _paint_eyes(canvas, portrait, head)
    _paint_brows(canvas, portrait, head)
    _paint_mouth(canvas, portrait, head)
    _paint_nose(canvas, portrait, head)


def _paint_ears(canvas: Canvas, portrait: Portrait) -> None:
    face, light = portrait.face, portrait.light
    for side in (-1.0, 1.0):
        x0, y0, height = project(portrait, side * 1.03, face.eye_v + 0.12, 0.0)
        box = box_around(x0 - 3.5, y0 - 4.5, x0 + 3.5, y0 + 4.5)
        x, y = coordinates(box)
        reach = ((x - x0) / 2.6) ** 2 + ((y - y0) / 3.8) ** 2
        shade = lambert(light, side * 0.5, 0.0, 0.8) * (0.72 + 0.25 * reach)
        canvas.paint(box, reach < 1.0, Material.SKIN, shade=shade, mix=0.35, height=height)


def _paint_skin(canvas: Canvas, portrait: Portrait) -> Surface:
    """Paint skin, darker around the eyes and redder on the cheeks. Returns the head with its final shade."""
    face, head = portrait.face, surface(portrait)
    beside = np.abs(head.u)
    socket = (beside - face.eye_u) ** 2 + (head.v - face.eye_v) ** 2
    cheek = (beside - 0.52) ** 2 + (head.v - 0.32) ** 2
    shade = head.shade * (1.0 - 0.16 * np.maximum(1.0 - socket * 9.0, 0.0))
    blush = np.maximum(1.0 - cheek * 12.0, 0.0) * (head.w > 0.0)
    where = head.radius < 1.0
    canvas.paint(head.box, where, Material.SKIN, shade=shade, mix=blush, height=head.c)
    return replace(head, shade=shade)


def _paint_eyes(canvas: Canvas, portrait: Portrait, whole: Surface) -> None:
    face = portrait.face
    centres = ((-face.eye_u, face.eye_v), (face.eye_u, face.eye_v))
    head = whole.around(portrait, centres, face.eye_width)
    outward = np.abs(head.u) - face.eye_u
    down = head.v - face.eye_v + face.eye_tilt * outward
    lid = face.eye_height * (1.0 - (outward / face.eye_width) ** 2)
    eye = (np.abs(down) < lid) & (head.w > 0.0)
    light = 0.35 + 0.65 * head.shade
    height = head.c + 0.01
    canvas.paint(head.box, eye, Material.SCLERA, shade=light, height=height)
    aside = np.copysign(outward, head.u * outward) - face.gaze
    # The distance is in pixels, so the iris is round.
    distance = (aside * face.radius_x) ** 2 + (down * face.radius_y) ** 2
    iris = eye & (distance < 1.75**2)
    canvas.paint(head.box, iris, Material.IRIS, shade=light * 1.15, height=height)
    dark = eye & ((distance < 0.85**2) | (down < -0.62 * lid))
    canvas.paint(head.box, dark, Material.PUPIL, shade=1.0, height=height)


def _paint_brows(canvas: Canvas, portrait: Portrait, whole: Surface) -> None:
    face = portrait.face
    middle = face.eye_v - face.brow_rise
    centres = ((-face.eye_u, middle), (face.eye_u, middle))
    head = whole.around(portrait, centres, face.eye_width + 0.1)
    outward = np.abs(head.u) - face.eye_u
    line = middle - face.brow_tilt * outward + 1.1 * outward * outward
    reach = 1.0 - (outward / (face.eye_width + 0.05)) ** 2
    where = np.abs(head.v - line) < face.brow_thickness * np.minimum(reach * 1.8, 1.0)
    where &= head.w > 0.0
    canvas.paint(head.box, where, Material.BROW, shade=head.shade, height=head.c + 0.02)


def _paint_mouth(canvas: Canvas, portrait: Portrait, whole: Surface) -> None:
    face = portrait.face
    head = whole.around(portrait, ((0.0, face.mouth_v),), face.mouth_width)
    reach = (head.u / face.mouth_width) ** 2
    down = head.v - face.mouth_v + face.smile * reach
    lips = face.mouth_height * (1.0 - reach)
    where = (np.abs(down) < lips) & (head.w > 0.0)
    upper = np.where(down < 0.0, np.float32(0.88), np.float32(1.05))
    height = head.c + 0.02
    canvas.paint(head.box, where, Material.LIPS, shade=head.shade * upper, height=height)
    inside = where & (np.abs(down) < face.mouth_open * lips)
    canvas.paint(
        head.box, inside, Material.MOUTH_INSIDE, shade=head.shade, mix=face.teeth, height=height
    )


def _paint_nose(canvas: Canvas, portrait: Portrait, whole: Surface) -> None:
    """Paint a wedge that rises towards its tip. It moves in front of the cheek when the head turns."""
    face, pose = portrait.face, portrait.pose
    ends = ((0.0, face.nose_top), (0.0, face.nose_tip))
    head = whole.around(portrait, ends, face.nose_width + face.nose_height)
    along = (head.v - face.nose_top) / (face.nose_tip - face.nose_top)
    rise = face.nose_height * np.clip(along, 0.0, 1.0)
    aside = head.u - rise * math.tan(pose.yaw)
    down = (head.v - rise * math.tan(pose.pitch) - face.nose_top) / (face.nose_tip - face.nose_top)
    half = face.nose_width * (0.42 + 0.58 * np.maximum(down, 0.0) ** 2)
    side = aside / half
    where = (np.abs(side) < 1.0) & (down > 0.0) & (down < 1.12 - 0.2 * side * side)
    where &= head.w > 0.0
    tilt = 0.75 * np.clip(side, -1.0, 1.0)
    under = 0.55 * np.maximum(down - 0.7, 0.0)
    shade = lambert(
        portrait.light, 0.6 * head.a + tilt, head.b + under - 0.15, np.sqrt(1.0 - tilt * tilt)
    )
    height = head.c + rise
    canvas.paint(head.box, where, Material.NOSE, shade=shade, height=height)
    nostril = where & (np.abs(np.abs(side) - 0.55) < 0.27) & (down > 0.84)
    canvas.paint(head.box, nostril, Material.NOSTRIL, shade=1.0, height=height)
