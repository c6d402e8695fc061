"""What the app and the decoding child tell each other, by files in one folder that both see.

In: `job.json` and the spooled upload. Out: `result.json` and `out/{sha256}.{suffix}`. The child gets nothing else: no
settings, no secrets, no network address.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from contracts.base import Model, Sha256
from contracts.errors.tree import Flaw
from contracts.labelsets import NPY_TYPE, DepthRange, LabelsetWarning
from contracts.schemas import Color, LabelSchema

JOB = "job.json"
RESULT = "result.json"
OUT = "out"
READING = "reading"
"""Holds the name of the file that the child is reading, for the case that it does not live to say more."""
DISK_FULL = 75
"""The child's exit status when there was no room to write (EX_TEMPFAIL): the upload may be sound."""

Suffix = Literal["png", "npy", "json"]
MEDIA_TYPES: dict[Suffix, str] = {"png": "image/png", "npy": NPY_TYPE, "json": "application/json"}


class DecodeLimits(Model):
    """How far the child may go. A vertex is a corner of a polygon, or a run of an RLE mask."""

    memory_bytes: int
    cpu_seconds: int
    max_images: int
    max_image_pixels: int
    max_labelset_pixels: int
    max_archive_entries: int
    max_archive_bytes: int
    max_archive_ratio: int
    max_json_bytes: int
    max_coco_bytes: int
    max_coco_annotations: int
    max_coco_vertices: int
    max_coco_drawn_pixels: int


class SpooledFile(Model):
    """One uploaded file: the name it was sent under, and where it lies."""

    name: str
    path: Path


class DecodeJob(Model):
    """One upload: an archive, or single files named as they would be inside one.

    `schema_text` stands in for labelset.json.
    """

    archive: Path | None
    files: tuple[SpooledFile, ...]
    schema_text: str | None
    limits: DecodeLimits


class DecodedFile(Model):
    """A normalised file in the folder `out`, named by its digest."""

    sha256: Sha256
    num_bytes: int
    suffix: Suffix

    @property
    def file_name(self) -> str:
        """Its name in the folder `out`, and the end of its key in the store."""
        return f"{self.sha256}.{self.suffix}"


class DecodedEntry(Model):
    """One image as RGB and its labels: 8-bit class indices, points in the schema's order, 16-bit or float32 depth."""

    name: str
    image: DecodedFile
    mask: DecodedFile | None
    keypoints: DecodedFile | None
    depth: DecodedFile | None
    height_px: int
    width_px: int
    class_pixels: tuple[int, ...]
    ignored_pixels: int
    visibility: tuple[int, ...]
    depth_range: DepthRange | None


class UploadSchema(LabelSchema):
    """`labelset.json`: the label schema, a name for people, and the color of unlabelled pixels in color masks."""

    name: Annotated[str, Field(max_length=200)] = ""
    ignore_color: Annotated[
        Color | None, Field(validation_alias=AliasChoices("ignore_color", "ignore_colour"))
    ] = None

    @property
    def labels(self) -> LabelSchema:
        """The schema alone."""
        return LabelSchema.model_validate(self.model_dump(exclude={"name", "ignore_color"}))


class DecodeResult(Model):
    """A schema and entries, with warnings; or flaws."""

    upload: UploadSchema | None = None
    entries: tuple[DecodedEntry, ...] = ()
    warnings: tuple[LabelsetWarning, ...] = ()
    flaws: tuple[Flaw, ...] = ()
