"""An export: a batch in a format that other tools read, made once when somebody asks, kept with the batch.

An export is no job of the API: it has no status and no manifest, only a record once it is there.
"""

from typing import Annotated, Literal, Self

from pydantic import Field

from contracts.jobs import JobRef
from contracts.schemas import TASK_NAMES, TaskName
from contracts.shapes import Artefact, Shape, Timestamp

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


class ExportRef(Shape):
    """Names one export of one batch: `tenant/batch_0192.../coco`."""

    batch: JobRef
    format: ExportFormat

    def __str__(self) -> str:
        return f"{self.batch}/{self.format}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises `ValidationError` for anything else."""
        batch, _, name = text.rpartition("/")
        return cls.model_validate({"batch": JobRef.parse(batch), "format": name})


class ExportRecord(Shape):
    """`exports/{format}.json`: the one archive that stands for an export."""

    format: ExportFormat
    archive: Artefact
    num_files: Annotated[int, Field(ge=1)]
    finished_at: Timestamp
