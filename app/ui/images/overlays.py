"""Draws labels over images: masks in the colors of their classes, keypoints, uncertainty and depth.

In: files of labelsets and shards, which the service has written itself. Out: PNG files.
"""

import io
import json
from collections.abc import Sequence

from PIL import Image, ImageDraw

from app.ui.images.palette import color_of
from contracts.schemas import KeypointSchema, LabelSchema

OPACITY = 160
"""Of 255: the alpha of a class over its image, without a script."""
_VISIBLE, _HIDDEN = (255, 255, 255, 255), (255, 190, 60, 255)
_LINE = (255, 255, 255, 170)

Point = tuple[float, float, int]
"""x and y in pixels, and the visibility of COCO: 0 not labelled, 1 hidden, 2 visible."""


def draw_mask(data: bytes, labels: LabelSchema) -> bytes:
    """Return the mask as colors. Class 0 and ignored pixels are transparent."""
    mask = _indices(data)
    colors, alphas = bytearray(768), bytearray(256)
    for index in range(1, labels.num_classes):
        colors[3 * index : 3 * index + 3] = bytes(color_of(labels, index))
        alphas[index] = OPACITY
    mask.putpalette(bytes(colors))
    return _png(mask, transparency=bytes(alphas))


def draw_indices(data: bytes) -> bytes:
    """Return the class index of each pixel as a gray value, for the script that colors them."""
    return _png(_indices(data))


def draw_heat(data: bytes) -> bytes:
    """Return gray values as black, red, yellow and white; darker is more transparent.

    The root of the value is shown, because most uncertainty is far below the maximum. It is the same for all images.
    """
    gray = _gray(data)
    shown = [round((255 * value) ** 0.5) for value in range(256)]
    gray.putpalette(bytes(channel for value in shown for channel in _heat(value)))
    return _png(gray, transparency=bytes(shown))


def draw_depth(data: bytes) -> bytes:
    """Return depth as gray: near is bright. 0 means unknown, and is black."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as loaded:
        depth = loaded.convert("I")
    colors = depth.getcolors(depth.width * depth.height) or ()
    values = [value for _, value in colors if isinstance(value, int) and value]
    nearest, farthest = (min(values), max(values)) if values else (0, 1)
    scale = 215 / max(farthest - nearest, 1)
    shaded = depth.point(lambda value: value * -scale + (255 + nearest * scale))
    known = depth.point(lambda value: value * 255).convert("L")
    return _png(Image.composite(shaded.convert("L"), Image.new("L", depth.size), known))


def draw_points(size: tuple[int, int], points: Sequence[Point], schema: KeypointSchema) -> bytes:
    """Return the keypoints and the lines between them on a transparent picture, several times as large as the image."""
    factor = max(1, round(512 / max(size)))
    picture = Image.new("RGBA", (size[0] * factor, size[1] * factor))
    draw = ImageDraw.Draw(picture)
    by_name = dict(zip(schema.names, points, strict=False))
    for first, second in schema.skeleton:
        ends = [by_name.get(first), by_name.get(second)]
        if all(end is not None and end[2] for end in ends):
            xy = [(end[0] * factor, end[1] * factor) for end in ends if end is not None]
            draw.line(xy, fill=_LINE, width=2)
    radius = max(4, min(picture.size) // 90)
    for x, y, visibility in points:
        if visibility:
            box = [
                x * factor - radius,
                y * factor - radius,
                x * factor + radius,
                y * factor + radius,
            ]
            draw.ellipse(box, fill=_VISIBLE if visibility > 1 else _HIDDEN, outline=(0, 0, 0, 255))
    return _png(picture)


def read_points(data: bytes) -> list[Point]:
    """Return the keypoints of a stored file."""
    points = json.loads(data)
    rows = points["points"] if "points" in points else points["keypoints"]
    return [(float(row["x"]), float(row["y"]), int(row["visibility"])) for row in rows]


def _heat(value: int) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, 3 * value - 255 * step)) for step in range(3))
    return red, green, blue


def _indices(data: bytes) -> "Image.Image":
    """Return the values of a mask as they are stored, without its palette."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as loaded:
        return Image.frombytes("L", loaded.size, loaded.tobytes())


def _gray(data: bytes) -> "Image.Image":
    with Image.open(io.BytesIO(data), formats=("PNG",)) as loaded:
        return loaded.convert("L")


def _png(image: "Image.Image", **options: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()
