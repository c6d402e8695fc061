"""An export: a batch in a format that other tools read, made once when somebody asks, kept with the batch.

An export is no job of the API: it has no status and no manifest, only a record once it is there.
"""

from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.base import Artefact, Model, Timestamp
from contracts.jobs import JobRef
from contracts.schemas import TASK_NAMES, TaskName

ExportFormat = Literal["coco", "folder", "imagefolder", "voc", "yolo-pose", "yolo-seg"]

EXPORT_NEEDS: dict[ExportFormat, tuple[TaskName, ...]] = {
    "coco": ("segmentation", "keypoints"),
    "folder": TASK_NAMES,
    "imagefolder": TASK_NAMES,
    "voc": ("segmentation",),
    "yolo-pose": ("keypoints",),
    "yolo-seg": ("segmentation",),
}
"""Of which tasks a batch must have labels, of one at least. `handsoff_shards.formats` writes them; a test compares."""


INSTANCE_FORMATS: tuple[ExportFormat, ...] = ("coco", "yolo-seg")
"""The formats that can have an object for each connected region instead of each class."""

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
        """Format and options in one word: exports that differ in it are different archives."""
        return self.format + (_INSTANCES if self.instances else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises `ValidationError` for anything else."""
        batch, _, variant = text.rpartition("/")
        name = variant.removesuffix(_INSTANCES)
        fields = {"batch": JobRef.parse(batch), "format": name, "instances": name != variant}
        return cls.model_validate(fields)


class ExportRecord(Model):
    """`exports/{variant}.json`: the one archive that stands for an export."""

    format: ExportFormat
    instances: bool = False
    archive: Artefact
    num_files: Annotated[int, Field(ge=1)]
    finished_at: Timestamp
