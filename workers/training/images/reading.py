"""Read an image file for a training: decoded, scaled to one size, cropped or padded, in color or grey."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workers.training.training_options import InputError

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}

Fit = Literal["crop", "pad"]
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the images of a folder are read: their size in the end, the fit to it, and color or grey.

    "crop" scales an image to cover the size and cuts off the rest; "pad" scales it to fit inside and repeats its edge.
    Both are centered.
    """

    image_px: tuple[int, int]  # height, width
    fit: Fit = "crop"
    is_grey: bool = False


def image_paths(folder: Path) -> list[Path]:
    """Return the image files in a folder and its subfolders, sorted.

    Raises:
        InputError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise InputError(
            f"expected PNG, JPEG or WebP images in {folder}, found none; name another folder"
        )
    return paths


def read_image(path: Path, reading: Reading) -> Pixels:
    """Return the pixels [height, width, 3]. Those of a grey reading have three equal channels.

    Raises:
        InputError: the file cannot be read.
    """
    with opened(path) as file:
        file.draft(None, (2 * max(reading.image_px),) * 2)  # decodes large JPEGs at a fraction
        image = upright(file)
        if reading.is_grey:
            image = image.convert("L")
        pixels = np.asarray(_scaled(image, reading))
    return np.repeat(pixels[:, :, None], 3, axis=2) if reading.is_grey else pixels


def upright(image: Image.Image) -> Image.Image:
    """Return an opened image as RGB, turned as its EXIF orientation says; 16 bits a channel become 8."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # Pillow clips 16 bits at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image. An error of Pillow inside the block becomes an `InputError` that names the file."""
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            yield image
    except (InputError, MemoryError):
        raise
    except Exception as error:  # damaged files make Pillow raise errors of many types
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(
            f"{path} cannot be read as PNG, JPEG or WebP ({reason}); replace it or remove it from the folder"
        ) from error


def fitted_px(px: tuple[int, int], reading: Reading) -> tuple[float, float]:
    """Return height and width of an image after scaling, before it is cropped or padded to `image_px`."""
    ratios = [side / own for side, own in zip(reading.image_px, px, strict=True)]
    scale = max(ratios) if reading.fit == "crop" else min(ratios)
    return px[0] * scale, px[1] * scale


def _scaled(image: Image.Image, reading: Reading) -> Image.Image:
    height, width = reading.image_px
    if image.size == (width, height):
        return image
    high, wide = fitted_px((image.height, image.width), reading)
    if reading.fit == "crop":
        part_wide, part_high = image.width * width / wide, image.height * height / high
        left, top = (image.width - part_wide) / 2, (image.height - part_high) / 2
        box = (max(left, 0), max(top, 0), image.width - max(left, 0), image.height - max(top, 0))
        return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    inner = (max(round(wide), 1), max(round(high), 1))
    pixels = np.asarray(image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0))
    missing = (height - inner[1], width - inner[0])
    borders = [(total // 2, total - total // 2) for total in missing]
    return Image.fromarray(np.pad(pixels, [*borders, (0, 0)][: pixels.ndim], mode="edge"))
