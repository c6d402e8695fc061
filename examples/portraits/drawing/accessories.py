"""Rare layers: glasses and hats."""

import numpy as np

from examples.portraits.classes import Material
from examples.portraits.drawing.canvas import Canvas, box_around
from examples.portraits.drawing.head import lambert, project, rolled, surface, unroll
from examples.portraits.traits import Hat, Portrait


def paint_glasses(canvas: Canvas, portrait: Portrait) -> None:
    """Paint frames, bridge and temples. Lenses are marked on the canvas and tinted at the end."""
    glasses, face = portrait.glasses, portrait.face
    if glasses is None:
        return
    head = surface(portrait, 1.03)
    outward = np.abs(head.u) - face.eye_u
    down = head.v - face.eye_v - 0.02
    reach = np.abs(outward / glasses.width) ** glasses.roundness
    reach = reach + np.abs(down / glasses.height) ** glasses.roundness
    on_head = (head.radius < 1.0) & (head.w > 0.0)
    # `reach` is a power of the distance, so this keeps the rim equally thick for any roundness.
    inner = (1.0 - glasses.thickness) ** glasses.roundness
    rim = (reach < 1.0) & (reach > inner)
    bridge = (np.abs(head.u) < face.eye_u - glasses.width + 0.05) & (np.abs(down + 0.05) < 0.045)
    temple = (outward > glasses.width - 0.05) & (np.abs(down + 0.05) < 0.05)
    canvas.paint(
        head.box,
        (rim | bridge | temple) & on_head,
        Material.FRAME,
        shade=0.5 + 0.5 * head.shade,
        height=head.c + 0.1,
    )
    canvas.glaze(head.box, (reach <= inner) & on_head, head.c + 0.08)


def paint_hat(canvas: Canvas, portrait: Portrait) -> None:
    """Paint a dome with a band, and a brim for one style."""
    hat = portrait.hat
    if hat is None:
        return
    crown = surface(portrait, hat.volume)
    above = (crown.radius < 1.0) & (crown.v < hat.line)
    knit = 1.0 + (0.07 * np.sin(22.0 * crown.u) if hat.style == "beanie" else 0.0)
    height = crown.c * hat.volume + 0.05
    if hat.style == "brim":
        _paint_brim(canvas, portrait, hat, front_only=False)
    canvas.paint(crown.box, above, Material.HAT, shade=crown.shade * knit, height=height)
    band = above & (crown.v > hat.line - 0.2)
    canvas.paint(crown.box, band, Material.HAT_BAND, shade=crown.shade * knit, height=height + 0.03)
    if hat.style == "brim":
        _paint_brim(canvas, portrait, hat, front_only=True)


def _paint_brim(canvas: Canvas, portrait: Portrait, hat: Hat, *, front_only: bool) -> None:
    face, pose = portrait.face, portrait.pose
    x0, y0, _ = project(portrait, 0.0, hat.line * hat.volume, 0.25)
    wide, flat = face.radius_x * hat.brim, face.radius_y * 0.24
    box = box_around(x0 - wide - 2.0, y0 - flat - 8.0, x0 + wide + 2.0, y0 + flat + 8.0)
    p, q = rolled(pose, box)
    p0, q0 = unroll(pose, x0, y0)
    across, down = (p - p0) / wide, (q - q0) / flat
    disc = across * across + down * down < 1.0
    # The crown hides the far part of the brim; the near part hides the crown.
    if front_only:
        disc &= down > 0.25
    shade = lambert(portrait.light, across * 0.3, -0.5, 0.8) * (0.92 + 0.12 * down)
    canvas.paint(box, disc, Material.HAT, shade=shade, height=1.15)
