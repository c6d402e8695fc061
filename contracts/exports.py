"""An export: a batch in a format that other tools read, made once on the first request and kept with the batch.

An export is not a job: it has no status and no manifest, only a record once it is made.
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
"""A batch needs labels of at least one of these tasks. Empty: any task. A test compares `handsoff_shards.formats`."""


INSTANCE_FORMATS: tuple[ExportFormat, ...] = ("coco", "yolo-seg")
"""The formats that can hold one object per connected region instead of one per class."""

_INSTANCES = "-instances"


class ExportRef(Model):
    """Names one export of one batch: `tenant/batch_0192.../coco`, or `.../coco-instances`."""

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
        """Return format and options as one word. Exports that differ in it are different archives."""
        return self.format + (_INSTANCES if self.instances else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text that `str` writes. Raises `ValidationError` for other text."""
        batch, _, variant = text.rpartition("/")
        name = variant.removesuffix(_INSTANCES)
        fields = {"batch": JobRef.parse(batch), "format": name, "instances": name != variant}
        return cls.model_validate(fields)


class ExportRecord(Model):
    """`exports/{variant}.json`: the archive of an export."""

    format: ExportFormat
    instances: bool = False
    archive: Artefact
    num_files: Annotated[int, Field(ge=1)]
    finished_at: Timestamp
