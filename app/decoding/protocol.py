"""The messages between the app and the decoding child, which are files in a shared folder.

Input: `job.json` and the spooled upload. Output: `result.json` and `out/{sha256}.{suffix}`. The child receives nothing
else: no settings, no secrets, no network address.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from contracts.base import Condition, Model, Sha256
from contracts.errors.tree import Flaw
from contracts.labelsets import NPY_TYPE, DepthRange, LabelsetWarning
from contracts.schemas import Color, LabelSchema, WithParts

JOB = "job.json"
RESULT = "result.json"
OUT = "out"
READING = "reading"
"""The file with the name of the upload's file being read, for an error message if the child is killed."""
DISK_FULL = 75
"""The child's exit status when the disk is full (EX_TEMPFAIL): the upload may be valid."""

TASKS = "app.decoding.tasks:TASKS"
"""The tasks that an upload may label. The name crosses to the child, since its modules need NumPy."""

Suffix = Literal["png", "npy", "json"]
MEDIA_TYPES: dict[Suffix, str] = {"png": "image/png", "npy": NPY_TYPE, "json": "application/json"}


class DecodeLimits(Model):
    """The child's resource limits. A vertex is a corner of a polygon or a run of an RLE mask."""

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
    """One uploaded file: its name in the upload, and its path on disk."""

    name: str
    path: Path


class DecodeJob(Model):
    """One upload: an archive, or single files with the names that they would have in an archive.

    `schema_text` replaces labelset.json. `tasks` names the tuple of tasks that the child reads, as module:name.
    """

    archive: Path | None
    files: tuple[SpooledFile, ...]
    schema_text: str | None
    limits: DecodeLimits
    tasks: str = TASKS


class DecodedFile(Model):
    """A normalized file in the folder `out`, named by its digest."""

    sha256: Sha256
    num_bytes: int
    suffix: Suffix

    @property
    def file_name(self) -> str:
        """Return its name in the folder `out`, which is also the last part of its key in the store."""
        return f"{self.sha256}.{self.suffix}"


class DecodedEntry(WithParts):
    """One image in RGB with its labels: 8-bit class indices, keypoints in schema order, 16-bit or float32 depth."""

    # The label of a further task, under the task's name.
    __pydantic_extra__: dict[str, DecodedFile] = Field(init=False)
    name: str
    image: DecodedFile
    mask: DecodedFile | None = None
    keypoints: DecodedFile | None = None
    depth: DecodedFile | None = None
    height_px: int
    width_px: int
    class_pixels: tuple[int, ...] = ()
    ignored_pixels: int = 0
    visibility: tuple[int, ...] = ()
    depth_range: DepthRange | None = None
    condition: Condition | None = None


class UploadSchema(LabelSchema):
    """`labelset.json`: the label schema, a display name, and the color of unlabelled pixels in color masks.

    `conditions` has the class of each image for a class-conditional generator, by the image's name without suffix.
    """

    name: Annotated[str, Field(max_length=200)] = ""
    ignore_color: Annotated[
        Color | None, Field(validation_alias=AliasChoices("ignore_color", "ignore_colour"))
    ] = None
    conditions: dict[str, Annotated[Condition, Field(strict=True)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_ignored(self) -> Self:
        """Refuse an ignored color that a class has: all its pixels would be ignored."""
        if self.colors is not None and self.ignore_color in self.colors:
            name = self.classes[self.colors.index(self.ignore_color)]
            raise ValueError(
                f"ignore_color is also the color of class '{name}'; choose one that no class has"
            )
        return self

    @property
    def labels(self) -> LabelSchema:
        """Return the label schema without the other fields."""
        # Validated again, so that the result has exactly the fields of a label schema.
        own = self.model_dump(exclude={"name", "ignore_color", "conditions"})
        return LabelSchema.model_validate(own)


class DecodeResult(Model):
    """The schema, entries and warnings of a valid upload, or the flaws of an invalid one."""

    upload: UploadSchema | None = None
    entries: tuple[DecodedEntry, ...] = ()
    warnings: tuple[LabelsetWarning, ...] = ()
    flaws: tuple[Flaw, ...] = ()
