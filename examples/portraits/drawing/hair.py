"""Hair in two layers: behind neck and shoulders, and on the head."""

import numpy as np

from examples.portraits.classes import IMAGE_PX, Material
from examples.portraits.drawing.canvas import Canvas, Plane, box_around
from examples.portraits.drawing.head import Surface, lambert, rolled, surface
from examples.portraits.traits import Portrait


def paint_hair_behind(canvas: Canvas, portrait: Portrait) -> None:
    """Paint long hair, bobs and curls behind the neck."""
    hair, face, pose = portrait.hair, portrait.face, portrait.pose
    if hair.length <= 0.3:
        return
    width = face.radius_x * hair.volume * (1.06 if hair.style == "long" else 1.1)
    bottom = face.radius_y * hair.length
    box = box_around(
        pose.x - width - 8.0, pose.y - 2.0, pose.x + width + 8.0, pose.y + bottom + 6.0
    )
    p, q = rolled(pose, box)
    flare = 1.0 + 0.1 * np.clip(q / bottom, 0.0, 1.0)
    across = p / (width * flare)
    # A sum of fourth powers is a rounded rectangle, which rounds the lower corners.
    where = np.square(across * across) + np.square(np.square(np.maximum(q / bottom, 0.0))) < 1.0
    side = np.clip(across, -0.95, 0.95)
    shade = lambert(portrait.light, side, -0.1, np.sqrt(1.0 - side * side)) * 0.8
    mix = 0.5 + 0.4 * np.sin(hair.strands * 2.2 * across + hair.phase)
    canvas.paint(box, where, Material.HAIR, shade=shade, mix=mix, height=-0.5)


def paint_hair(canvas: Canvas, portrait: Portrait) -> None:
    """Paint cap, fringe and sides on the head, then locks over the shoulders."""
    hair = portrait.hair
    scalp = surface(portrait, hair.volume, margin=1.12, flat_rim=True)
    u, v, w = scalp.u, scalp.v, scalp.w
    line = hair.line + hair.slant * u + hair.arch * u * u
    wave = 0.0 if hair.style == "bald" else 0.025
    line = line + wave * np.sin(hair.strands * 1.3 * u + hair.phase)
    sides = (w < hair.temple) & (v < hair.sideburn) & (np.abs(u) > 0.75 * v)
    if hair.style == "bald":
        sides &= v > -0.42
    where = (scalp.radius < _outline(portrait, scalp)) & ((v < line) | sides)
    strand = np.sin(hair.strands * (u + 0.35 * v) + hair.phase + 2.0 * w)
    if hair.style == "curly":
        strand = strand * np.sin(hair.strands * 1.2 * v + hair.phase)
    gleam = np.maximum(1.0 - 9.0 * (scalp.b + 0.55) ** 2, 0.0)
    canvas.paint(
        scalp.box,
        where,
        Material.HAIR,
        shade=scalp.shade,
        mix=np.clip(0.4 + 0.35 * strand + 0.4 * gleam, 0.0, 1.0),
        height=scalp.c * hair.volume,
    )
    if hair.style == "long":
        _paint_locks(canvas, portrait)


def _outline(portrait: Portrait, scalp: Surface) -> Plane | float:
    hair = portrait.hair
    if hair.style != "curly":
        return 1.0
    around = np.arctan2(scalp.b, scalp.a)
    bumps = np.sin(9.0 * around + hair.phase) + 0.6 * np.sin(14.0 * around - hair.phase)
    return 1.0 + 0.09 * bumps


def _paint_locks(canvas: Canvas, portrait: Portrait) -> None:
    hair, face, pose = portrait.hair, portrait.face, portrait.pose
    outer = face.radius_x * hair.volume * 1.06
    bottom = face.radius_y * hair.length
    box = box_around(pose.x - outer - 8.0, pose.y, pose.x + outer + 8.0, IMAGE_PX)
    p, q = rolled(pose, box)
    # A turned head hides part of the lock on its far side.
    middle = outer * 0.9 - face.radius_x * 0.1 * np.sign(p) * np.sin(pose.yaw)
    half = 3.4 * np.sqrt(np.maximum(1.0 - np.maximum(q / bottom, 0.0) ** 3, 0.0))
    across = (np.abs(p) - middle - 0.06 * q) / np.maximum(half, 0.1)
    where = (np.abs(across) < 1.0) & (q > 2.0) & (q < bottom)
    bend = np.clip(across, -0.95, 0.95)
    shade = lambert(portrait.light, np.copysign(bend, p * bend) * 0.8, -0.1, np.sqrt(1.0 - bend**2))
    mix = np.clip(0.4 + 0.4 * np.sin(4.5 * across + hair.phase), 0.0, 1.0)
    canvas.paint(box, where, Material.HAIR, shade=shade, mix=mix, height=0.1)
