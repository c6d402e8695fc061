"""Uploads for tests: images of one color, their labels, and the archive or form around them."""

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
    """Return an upload's files: `count` images, their masks, and the schema."""
    files = {"labelset.json": json.dumps(SCHEMA).encode()}
    for number in range(count):
        files[f"images/image-{number}.png"] = png("RGB", size, (number, 0, 0))
        files[f"masks/image-{number}.png"] = halves(size, number % len(CLASSES))
    return files


def points(name: str, visibility: int = 2) -> bytes:
    """Return the keypoint file of one image with one keypoint."""
    point = {"name": name, "x": 4.5, "y": 2, "visibility": visibility}
    return json.dumps({"keypoints": [point]}).encode()


def all_kinds() -> dict[str, bytes]:
    """Return two images of 8 x 8 px: one with a mask, keypoints and depth, the other with keypoints only."""
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
    """Return a PNG of one color."""
    return encode(Image.new(mode, size, color))


def halves(size: tuple[int, int], value: int) -> bytes:
    """Return a mask with class 0 in the upper half and `value`, or 1 for 0, in the lower half."""
    mask = Image.new("L", size)
    mask.paste(value or 1, (0, size[1] // 2, *size))
    return encode(mask)


def encode(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of the image's file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def as_form(files: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """Return the files as the form field `archive`."""
    return {"archive": ("labelset.zip", zipped(files))}
