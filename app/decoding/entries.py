"""Decodes one entry of a labelset: the image, and its labels from their own files or the COCO file."""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from app.decoding.coco.labels import CocoLabels
from app.decoding.images import encode_png, read_image
from app.decoding.parts import MASKS, SortedFiles
from app.decoding.protocol import (
    DecodedEntry,
    DecodedFile,
    DecodeLimits,
    SpooledFile,
    Suffix,
    UploadSchema,
)
from app.decoding.refusal import Notices, Refused, reading
from app.decoding.task import Label, LabelSource, UploadTask
from contracts.schemas import LabelSchema, TaskName

_REORIENTED = (
    "The image was turned upright by its EXIF orientation; its labels have no orientation and were not turned. Check"
    " that they match the upright image."
)
_LABEL_REORIENTED = (
    "The label was turned upright by its EXIF orientation, but its image has no orientation. Check that they"
    " match."
)


@dataclass(frozen=True)
class Entry:
    """A decoded entry, the file of its mask, and whether that file has class indices instead of colors."""

    decoded: DecodedEntry
    mask_file: str | None
    is_indexed: bool


@dataclass(frozen=True)
class EntryDecoder:
    """Decodes the entries of one upload: the sorted files, the COCO labels, the schema, limits and output folder.

    `conditions` are those of the images, by stem.
    """

    files: SortedFiles
    coco: CocoLabels | None
    upload: UploadSchema
    conditions: Mapping[str, int]
    limits: DecodeLimits
    out: Path
    notices: Notices
    tasks: Sequence[UploadTask]

    @cached_property
    def labels(self) -> LabelSchema:
        """Return the label schema that is stored."""
        return self.upload.labels

    @property
    def is_ignore_declared(self) -> bool:
        """Return whether the schema declares the ignored value, so that it is not a class."""
        return bool({"ignore_index", "ignore_color"} & self.upload.model_fields_set)

    @cached_property
    def annotated(self) -> Mapping[TaskName, Set[str]]:
        """Return the stems that the COCO file labels, by task."""
        names = [task.part.task for task in self.tasks]
        return {name: self.coco.content.stems(name) if self.coco else set() for name in names}

    def decode(self, stem: str) -> Entry:
        """Decode one image and its labels and write the decoded files. Raises `Refused` for the first invalid file."""
        file = self.files.images[stem]
        with reading(file.name, "an image"):
            loaded = read_image(file.path, file.name, self.limits.max_image_pixels, self.notices)
            image = self.save(encode_png(loaded.image), "png")
        labels = self._labels(stem, loaded.image.size)
        self._note_orientation(stem, labels, is_turned=loaded.is_reoriented)
        fields: dict[str, Any] = {}
        for task in self.tasks:
            label = labels.get(task.part.task)
            fields |= label.facts if label else task.absent(self.labels)
            if label:
                fields[task.field] = self.save(label.data, label.suffix)
        decoded = DecodedEntry(
            name=stem,
            image=image,
            height_px=loaded.image.height,
            width_px=loaded.image.width,
            condition=self.conditions.get(stem),
            **fields,
        )
        mask = labels.get(MASKS.task)
        source = self._label_source(MASKS.task, stem) if mask else None
        return Entry(decoded, source.name if source else None, bool(mask and mask.is_indexed))

    def _note_orientation(
        self, stem: str, labels: Mapping[TaskName, Label], *, is_turned: bool
    ) -> None:
        """Warn if the image or a label was turned upright without the other."""
        # Labels in pixel files may have the same EXIF tag; keypoints and COCO files never do.
        turned = [task for task, label in labels.items() if label.is_reoriented]
        if is_turned and not turned:
            self.notices.add("exif_turned", _REORIENTED, self.files.images[stem].name)
        for task in turned:
            file = self.files.labels(task).get(stem)
            if not is_turned and file is not None:
                self.notices.add("exif_turned", _LABEL_REORIENTED, file.name)

    def save(self, data: bytes, suffix: Suffix) -> DecodedFile:
        """Write a decoded file under its digest."""
        file = DecodedFile(
            sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data), suffix=suffix
        )
        (self.out / file.file_name).write_bytes(data)
        return file

    def _labels(self, stem: str, size: tuple[int, int]) -> dict[TaskName, Label]:
        """Return the decoded labels of an image of `size` (width, height), by task."""
        labels: dict[TaskName, Label] = {}
        for task in self.tasks:
            file = self._label_source(task.part.task, stem)
            if file is not None and task.part.task in self.labels.tasks:
                labels[task.part.task] = task.read(
                    LabelSource(
                        file=file,
                        stem=stem,
                        image_name=self.files.images[stem].name,
                        size=size,
                        upload=self.upload,
                        limits=self.limits,
                        notices=self.notices,
                    )
                )
        return labels

    def _label_source(self, task: TaskName, stem: str) -> SpooledFile | CocoLabels | None:
        """Return the label file or COCO labels of an image. Raises `Refused` if it has both."""
        own = self.files.labels(task).get(stem)
        if self.coco is None or stem not in self.annotated[task]:
            return own
        if own is not None:
            detail = f"Expected {task} of the image in one file, got this one and {self.coco.name}. Keep one of them."
            raise Refused(own.name, detail)
        return self.coco
