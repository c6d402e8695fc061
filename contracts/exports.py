"""An export: a batch in the format of another tool, made on the first request and kept with the batch.

An export is not a job: it has no status and no manifest. Once it is made, it has a record.
"""

from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Artefact, Model, Timestamp
from contracts.jobs import JobRef
from contracts.schemas import TaskName

ExportFormat = Literal["coco", "folder", "imagefolder", "voc", "yolo-pose", "yolo-seg"]

EXPORT_NEEDS: dict[ExportFormat, tuple[TaskName, ...]] = {
    "coco": ("segmentation", "keypoints"),
    "folder": (),
    "imagefolder": (),
    "voc": ("segmentation",),
    "yolo-pose": ("keypoints",),
    "yolo-seg": ("segmentation",),
}
"""The tasks of each format; a batch needs labels for at least one. Empty: any task. `handsoff_shards` repeats it."""


INSTANCE_FORMATS: tuple[ExportFormat, ...] = ("coco", "yolo-seg")
"""The formats that can hold one object per connected region instead of one per class."""

_INSTANCES = "-instances"


class ExportRef(Model):
    """Reference to one export of one batch: `tenant/batch_0192.../coco`, or `.../coco-instances`."""

    batch: JobRef
    format: ExportFormat
    instances: bool = False

    def __str__(self) -> str:
        return f"{self.batch}/{self.variant}"

    @property
    def owner(self) -> JobRef:
        """The batch."""
        return self.batch

    @property
    def part(self) -> str:
        """The variant."""
        return self.variant

    @property
    def variant(self) -> str:
        """Format and options as one word. Each variant is an archive."""
        return self.format + (_INSTANCES if self.instances else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValidationError` for other text."""
        batch, _, variant = text.rpartition("/")
        name = variant.removesuffix(_INSTANCES)
        fields = {"batch": JobRef.parse(batch), "format": name, "instances": name != variant}
        return cls.model_validate(fields)


class ExportRecord(Model):
    """`exports/{variant}.json`: the archive of an export. `is_signed`: its images have Content Credentials."""

    format: ExportFormat
    instances: bool = False
    archive: Artefact
    num_files: Annotated[int, Field(ge=1)]
    is_signed: bool = False
    finished_at: Timestamp
