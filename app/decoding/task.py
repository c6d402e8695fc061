"""The interface of a task in the decoding child: how the labels of one image are read from an upload.

In: a label file, or the COCO file that labels the image. Out: the decoded file and what the manifest says of it. One
class per task implements it; `tasks.py` lists them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from app.decoding.coco.labels import CocoLabels
from app.decoding.parts import TaskPart
from app.decoding.protocol import DecodeLimits, SpooledFile, Suffix, UploadSchema
from app.decoding.refusal import Notices
from contracts.base import Model
from contracts.schemas import LabelSchema


@dataclass(frozen=True)
class LabelSource:
    """One label of one image, and everything that its reader may use. `size`: (width, height), upright."""

    file: SpooledFile | CocoLabels
    stem: str
    image_name: str
    size: tuple[int, int]
    upload: UploadSchema
    limits: DecodeLimits
    notices: Notices


@dataclass(frozen=True)
class Label:
    """A decoded label: its file, and `facts`, fields of the entry in the manifest.

    `is_reoriented`: EXIF of the file turned it upright. `is_indexed`: the file had class indices instead of colors.
    """

    data: bytes
    suffix: Suffix
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_reoriented: bool = False
    is_indexed: bool = False


class UploadTask(ABC):
    """One task in an upload."""

    part: ClassVar[TaskPart]
    """Its name, folder, suffixes and declaration."""
    field: ClassVar[str]
    """The field of the entry that holds the label's file; the task's name unless the contract has another."""
    schema: ClassVar[type[Model] | None] = None
    """The model of its part of labelset.json; None when `LabelSchema` has fields for it."""

    @abstractmethod
    def read(self, source: LabelSource) -> Label:
        """Decode one label. Raises `Refused` for an invalid one."""

    def absent(self, labels: LabelSchema) -> Mapping[str, Any]:
        """Return the facts of an image without such a label."""
        return {}
