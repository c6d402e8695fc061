"""Render one portrait with its labels: (seed, index) => image, mask, keypoints, depth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.portraits.classes import Material
from examples.portraits.colors import Color
from examples.portraits.drawing.accessories import paint_glasses, paint_hat
from examples.portraits.drawing.body import paint_background, paint_clothing, paint_neck
from examples.portraits.drawing.canvas import Canvas, Plane, Where, average
from examples.portraits.drawing.face import paint_face
from examples.portraits.drawing.hair import paint_hair, paint_hair_behind
from examples.portraits.drawing.keypoints import locate
from examples.portraits.population import draw_portrait
from examples.portraits.traits import Portrait


@dataclass(frozen=True)
class Rendering:
    """An image with exact labels.

    image: uint8 [64, 64, 3]; mask: uint8 [64, 64], values of `Part`; keypoints: float32 [12, 3]
    (x, y in pixels, visibility); depth: float32 [64, 64], 0 near, 1 the background.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    depth: NDArray[np.float32]


def render(seed: int, index: int) -> Rendering:
    """Render portrait number `index` of a seed. The result does not depend on process or order."""
    portrait = draw_portrait(seed, index)
    canvas = paint(portrait)
    return Rendering(
        image=develop(canvas, portrait),
        mask=canvas.mask(),
        keypoints=locate(portrait, canvas),
        depth=canvas.depth(),
    )


def render_image(seed: int, index: int) -> NDArray[np.uint8]:
    """Render only the image, uint8 [64, 64, 3], for the training of a generator."""
    portrait = draw_portrait(seed, index)
    return develop(paint(portrait), portrait)


def paint(portrait: Portrait) -> Canvas:
    """Paint all layers from back to front."""
    canvas = Canvas()
    paint_background(canvas, portrait)
    paint_hair_behind(canvas, portrait)
    paint_neck(canvas, portrait)
    paint_clothing(canvas, portrait)
    paint_face(canvas, portrait)
    paint_hair(canvas, portrait)
    paint_glasses(canvas, portrait)
    paint_hat(canvas, portrait)
    return canvas


def develop(canvas: Canvas, portrait: Portrait) -> NDArray[np.uint8]:
    """Convert planes to pixels: the mean color of each pixel's supersamples."""
    palette, tint = portrait.palette, portrait.light.tint
    first, second = _table(palette.first), _table(palette.second)
    samples = np.empty((3, *canvas.material.shape), np.float32)
    for channel in range(3):
        base = first[channel] * np.float32(tint[channel])
        step = second[channel] * np.float32(tint[channel]) - base
        plane = np.take(step, canvas.material, out=samples[channel], mode="clip")
        plane *= canvas.mix
        plane += np.take(base, canvas.material, mode="clip")
        plane *= canvas.shade
    if portrait.glasses is not None and canvas.lens is not None:
        _tint(samples, canvas.lens, palette.lens, portrait.glasses.tint)
    pixels = average(np.clip(samples, 0.0, 1.0, out=samples))
    return (pixels * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0).copy()


def _table(colors: dict[Material, Color]) -> Plane:
    return np.array([colors[material] for material in Material], np.float32).T


def _tint(samples: Plane, lens: Where, color: Color, share: float) -> None:
    for channel in range(3):
        clear = samples[channel]
        np.copyto(clear, clear + share * (color[channel] - clear), where=lens)
