"""Uploads made on the spot: pictures of one color, their labels, and the archive or form that they come in."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from PIL import Image

CLASSES = ["background", "skin", "hair"]
SCHEMA = {"name": "faces", "classes": CLASSES}

Upload = dict[str, bytes]


def pairs(count: int, size: tuple[int, int] = (32, 32)) -> Upload:
    """An upload's files: `count` images, their masks, and the schema."""
    files = {"labelset.json": json.dumps(SCHEMA).encode()}
    for number in range(count):
        files[f"images/image-{number}.png"] = png("RGB", size, (number, 0, 0))
        files[f"masks/image-{number}.png"] = halves(size, number % len(CLASSES))
    return files


def points(name: str, visibility: int = 2) -> bytes:
    """The keypoints of one image: one of this name."""
    point = {"name": name, "x": 4.5, "y": 2, "visibility": visibility}
    return json.dumps({"keypoints": [point]}).encode()


def all_kinds() -> dict[str, bytes]:
    """Two images of 8 x 8 pixels: one with a mask, keypoints and depth, the other with keypoints alone."""
    schema = SCHEMA | {
        "keypoints": {"names": ["nose", "chin"], "reference": ["nose", "chin"]},
        "depth": {"unit": "m", "scale": 0.5},
    }
    return {
        "labelset.json": json.dumps(schema).encode(),
        "images/a.png": png("RGB", (8, 8), (1, 2, 3)),
        "images/b.png": png("RGB", (8, 8)),
        "masks/a.png": halves((8, 8), 1),
        "keypoints/a.json": points("nose"),
        "keypoints/b.json": points("nose", visibility=1),
        "depth/a.png": png("I;16", (8, 8), 6),
    }


def png(mode: str, size: tuple[int, int], color: Any = 0) -> bytes:
    """A PNG of one color."""
    return encode(Image.new(mode, size, color))


def halves(size: tuple[int, int], value: int) -> bytes:
    """A mask with class 0 above and one class below: the value given, or 1 where that is 0."""
    mask = Image.new("L", size)
    mask.paste(value or 1, (0, size[1] // 2, *size))
    return encode(mask)


def encode(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def as_form(files: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """The files as the form field `archive`."""
    return {"archive": ("labelset.zip", zipped(files))}
