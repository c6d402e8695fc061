"""Layers behind and below the head: background, neck, clothing."""

import math

import numpy as np

from examples.portraits.classes import IMAGE_PX, Material
from examples.portraits.drawing.canvas import Box, Canvas, Plane, Where, box_around, coordinates
from examples.portraits.drawing.head import lambert
from examples.portraits.traits import Body, Portrait


def paint_background(canvas: Canvas, portrait: Portrait) -> None:
    """Paint a gradient along the direction of the light."""
    light = portrait.light
    x, y = coordinates((slice(None), slice(None)))
    slope = (x - 32.0) * light.x + (y - 32.0) * light.y
    canvas.mix[...] = np.clip(0.5 + slope / 50.0, 0.0, 1.0)
    swell = np.sin(x * 0.11 + portrait.hair.phase) * np.sin(y * 0.09 + portrait.hair.strands)
    canvas.shade[...] = 0.96 + 0.06 * swell


def paint_neck(canvas: Canvas, portrait: Portrait) -> None:
    """Paint a cylinder between head and shoulders, with the shadow of the chin."""
    pose, face, body = portrait.pose, portrait.face, portrait.body
    chin = pose.y + face.radius_y
    box = box_around(4.0, pose.y, IMAGE_PX - 4.0, IMAGE_PX)
    x, y = coordinates(box)
    along = (y - pose.y) / (body.shoulder_y + 4.0 - pose.y)
    axis = pose.x - math.sin(pose.roll) * 8.0
    across = (x - (axis + (body.x - axis) * along)) / body.neck_width
    front = np.sqrt(np.maximum(1.0 - across * across, 0.0))
    shadow = 0.74 + 0.26 * np.clip((y - chin - 1.0) / 6.0, 0.0, 1.0)
    canvas.paint(
        box,
        np.abs(across) < 1.0,
        Material.NECK,
        shade=lambert(portrait.light, across, 0.0, front) * shadow,
        height=0.3 * front - 0.35,
    )


def paint_clothing(canvas: Canvas, portrait: Portrait) -> None:
    """Paint shoulders and a collar. Skin inside the neckline counts as neck."""
    body, light = portrait.body, portrait.light
    box = box_around(0.0, body.shoulder_y - 8.0, IMAGE_PX, IMAGE_PX)
    x, y = coordinates(box)
    aside = np.abs(x - body.x)
    slope = aside / body.shoulder_width
    rise = 3.5 * np.maximum(1.0 - aside / (2.0 * body.neck_width), 0.0)
    top = body.shoulder_y + body.drop * slope * slope + 14.0 * np.maximum(slope - 0.9, 0.0) - rise
    torso = y > top
    across = np.clip((x - body.x) / (1.15 * body.shoulder_width), -0.95, 0.95)
    front = np.sqrt(1.0 - across * across)
    shade = lambert(light, across, -0.25, front * 0.97)
    folds = 0.95 + 0.05 * np.sin(0.55 * (x - body.x) + 0.35 * y)
    mix: Plane | float = 0.0
    if body.stripes:
        mix = np.broadcast_to(np.sin(y * (math.pi / body.stripes)) > 0.0, torso.shape)
    bare = _neckline(body, aside, y)
    chest_height = 0.45 * front - 0.6
    canvas.paint(box, torso & bare, Material.NECK, shade=shade, height=chest_height)
    canvas.paint(
        box, torso & ~bare, Material.CLOTH, shade=shade * folds, mix=mix, height=chest_height + 0.1
    )
    _paint_collar(canvas, portrait, box, shade)


def _neckline(body: Body, aside: Plane, y: Plane) -> Where:
    below = y - (body.shoulder_y - 3.5)
    if body.collar == "round":
        reach = aside / (1.15 * body.neck_width)
        inside: Where = reach * reach + (below / (3.5 + body.neckline)) ** 2 < 1.0
        return inside
    if body.collar == "turtle":
        return np.zeros(np.broadcast_shapes(aside.shape, y.shape), np.bool_)
    return aside < 1.1 * body.neck_width * (1.0 - below / (3.0 + body.neckline))


def _paint_collar(canvas: Canvas, portrait: Portrait, box: Box, shade: Plane) -> None:
    body, light = portrait.body, portrait.light
    x, y = coordinates(box)
    aside = np.abs(x - body.x)
    below = y - (body.shoulder_y - 3.5)
    if body.collar == "turtle":
        across = (x - body.x) / (1.12 * body.neck_width)
        front = np.sqrt(np.maximum(1.0 - across * across, 0.0))
        where = (np.abs(across) < 1.0) & (below > -2.5) & (below < 4.5)
        shade = lambert(light, across, -0.1, front)
        canvas.paint(box, where, Material.COLLAR, shade=shade, height=0.3 * front - 0.2)
    elif body.collar == "shirt":
        edge = 1.1 * body.neck_width * (1.0 - below / (3.0 + body.neckline))
        width = 4.6 * (1.0 - np.abs(below - 3.0) / 8.0)
        where = (aside > edge) & (aside < edge + width) & (below > -1.5) & (edge > -1.0)
        canvas.paint(box, where, Material.COLLAR, shade=shade * 1.04, height=0.0)
