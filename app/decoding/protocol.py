"""What the app and the decoding child tell each other, by files in one folder that both see.

In: `job.json` and the spooled upload. Out: `result.json` and `out/{sha256}.png`. The child gets nothing else: no
settings, no secrets, no network address.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from contracts.errors import Flaw
from contracts.labelsets import LabelSchema
from contracts.shapes import Sha256, Shape

JOB = "job.json"
RESULT = "result.json"
OUT = "out"
DISK_FULL = 75
"""The child's exit status when there was no room to write (EX_TEMPFAIL): the upload may be sound."""


class DecodeLimits(Shape):
    """How far the child may go."""

    memory_bytes: int
    cpu_seconds: int
    max_images: int
    max_image_pixels: int
    max_labelset_pixels: int
    max_archive_entries: int
    max_archive_bytes: int
    max_archive_ratio: int


class SpooledFile(Shape):
    """One uploaded file: the name it was sent under, and where it lies."""

    name: str
    path: Path


class DecodeJob(Shape):
    """One upload: an archive, or single files named as they would be inside one.

    `schema_text` stands in for labelset.json.
    """

    archive: Path | None
    files: tuple[SpooledFile, ...]
    schema_text: str | None
    limits: DecodeLimits


class DecodedPng(Shape):
    """A normalised PNG in the folder `out`, named by its digest."""

    sha256: Sha256
    num_bytes: int


class DecodedEntry(Shape):
    """One pair: the image as RGB, the mask as 8-bit class indices."""

    name: str
    image: DecodedPng
    mask: DecodedPng
    height_px: int
    width_px: int
    class_pixels: tuple[int, ...]
    ignored_pixels: int


class UploadSchema(LabelSchema):
    """`labelset.json`: the label schema and a name for people."""

    name: Annotated[str, Field(max_length=200)] = ""

    @property
    def labels(self) -> LabelSchema:
        """The schema alone."""
        return LabelSchema(classes=self.classes, ignore_index=self.ignore_index)


class DecodeResult(Shape):
    """What came of it: a schema and entries, or flaws."""

    upload: UploadSchema | None = None
    entries: tuple[DecodedEntry, ...] = ()
    flaws: tuple[Flaw, ...] = ()
