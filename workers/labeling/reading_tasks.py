"""The tasks and results of the child that reads a caller's images, and the names of the files in its folder."""

from typing import Literal

from contracts.base import Model
from contracts.generators.training import ImageFit

UNPACKED = "unpacked"
"""The folder of the unpacked images."""
TASK = "task.json"
RESULTS = "results.json"
"""An `UnpackResult`, or a line with an `ImageResult` for each image."""
PIXELS = "pixels.raw"
"""The readable images one after the other: uint8 [n, height, width, 3]."""


class UnpackTask(Model):
    """Unpack an archive into `UNPACKED`, within these limits."""

    kind: Literal["unpack"] = "unpack"
    folder: str
    archive: str
    max_images: int
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int


class UnpackResult(Model):
    """The paths of the images, in order, and the number of other files; or the reason of a refusal."""

    refusal: str | None = None
    names: tuple[str, ...] = ()
    num_other_files: int = 0


class ReadTask(Model):
    """Decode some unpacked images at `px` (height, width), within these limits."""

    kind: Literal["read"] = "read"
    folder: str
    names: tuple[str, ...]
    px: tuple[int, int]
    aspect: ImageFit
    max_pixels: int
    memory_bytes: int
    cpu_seconds: int
    cpu_seconds_per_image: int
    file_bytes: int


class ImageResult(Model):
    """The size (width, height) of an upright original and the part that is labelled, or why it cannot be read."""

    size: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    reason: str | None = None
