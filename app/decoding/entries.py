"""Decodes one entry of a labelset: the image, and its labels from their own files or the COCO file."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from app.decoding.coco.labels import CocoLabels
from app.decoding.depth import DepthMap, read_depth
from app.decoding.images import encode_png, read_image
from app.decoding.keypoints import order_points, read_keypoints
from app.decoding.masks import Mask, count_classes, read_mask
from app.decoding.parts import SortedFiles
from app.decoding.protocol import (
    DecodedEntry,
    DecodedFile,
    DecodeLimits,
    SpooledFile,
    Suffix,
    UploadSchema,
)
from app.decoding.refusal import Notices, Refused, reading
from contracts.labelsets import StoredKeypoints
from contracts.schemas import TASK_NAMES, LabelSchema, TaskName

Size = tuple[int, int]

_REORIENTED = (
    "The image was turned upright by its EXIF orientation; its labels have no orientation and were not turned. Check"
    " that they match the upright image."
)


@dataclass(frozen=True)
class CountedMask:
    """A mask, its file, and its pixel counts: (of each class, ignored)."""

    image: Image.Image
    file: str
    counts: tuple[tuple[int, ...], int]
    is_indexed: bool
    is_reoriented: bool


@dataclass(frozen=True)
class Entry:
    """A decoded entry, the file of its mask, and whether that file has class indices instead of colors."""

    decoded: DecodedEntry
    mask_file: str | None
    is_indexed: bool


@dataclass(frozen=True)
class EntryDecoder:
    """Decodes the entries of one upload: the sorted files, the COCO labels, the schema, limits and output folder."""

    files: SortedFiles
    coco: CocoLabels | None
    upload: UploadSchema
    limits: DecodeLimits
    out: Path
    notices: Notices

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
        return {task: self.coco.content.stems(task) if self.coco else set() for task in TASK_NAMES}

    def decode(self, stem: str) -> Entry:
        """Decode one image and its labels and write the decoded files. Raises `Refused` for the first invalid file."""
        file = self.files.images[stem]
        with reading(file.name, "an image"):
            loaded = read_image(file.path, file.name, self.limits.max_image_pixels, self.notices)
            image = self.save(encode_png(loaded.image), "png")
        size = loaded.image.size
        mask = self._mask(stem, size)
        points = self._keypoints(stem, size)
        depth = self._depth(stem, size)
        # Labels in pixel files may have the same EXIF tag; keypoints and COCO files never do.
        if (
            loaded.is_reoriented
            and not (mask and mask.is_reoriented)
            and not (depth and depth.is_reoriented)
        ):
            self.notices.add("exif_turned", _REORIENTED, file.name)
        counts = mask.counts if mask else ((0,) * self.labels.num_classes, 0)
        decoded = DecodedEntry(
            name=stem,
            image=image,
            mask=self.save(encode_png(mask.image), "png") if mask else None,
            keypoints=self.save(points.model_dump_json().encode(), "json") if points else None,
            depth=self.save(depth.data, depth.suffix) if depth else None,
            height_px=loaded.image.height,
            width_px=loaded.image.width,
            class_pixels=counts[0],
            ignored_pixels=counts[1],
            visibility=tuple(point.visibility for point in points.points) if points else (),
            depth_range=depth.depths if depth else None,
        )
        return Entry(decoded, mask.file if mask else None, bool(mask and mask.is_indexed))

    def save(self, data: bytes, suffix: Suffix) -> DecodedFile:
        """Write a decoded file under its digest."""
        file = DecodedFile(
            sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data), suffix=suffix
        )
        (self.out / file.file_name).write_bytes(data)
        return file

    def _mask(self, stem: str, size: Size) -> CountedMask | None:
        """Return the mask with its pixel counts, or None without one."""
        file = self._label_source("segmentation", stem)
        if file is None:
            return None
        with reading(
            file.name, "a PNG mask" if isinstance(file, SpooledFile) else "COCO annotations"
        ):
            if isinstance(file, SpooledFile):
                limit = self.limits.max_image_pixels
                mask = read_mask(file.path, file.name, limit, self.upload, self.notices)
            else:
                mask = Mask(file.draw_mask(stem, size), is_indexed=False, is_reoriented=False)
            # Checked after decoding, because the mask may be turned too.
            _check_size(mask.image, file.name, size, self.files.images[stem].name)
            counts = count_classes(mask.image, file.name, self.labels)
        return CountedMask(mask.image, file.name, counts, mask.is_indexed, mask.is_reoriented)

    def _keypoints(self, stem: str, size: Size) -> StoredKeypoints | None:
        file = self._label_source("keypoints", stem)
        schema = self.labels.keypoints
        if file is None or schema is None:
            return None
        with reading(file.name, "keypoints"):
            if isinstance(file, SpooledFile):
                points = read_keypoints(file.path, file.name, self.limits.max_json_bytes)
            else:
                points = file.find_points(stem, size)
            return order_points(points, file.name, size, schema)

    def _depth(self, stem: str, size: Size) -> DepthMap | None:
        file = self._label_source("depth", stem)
        schema = self.labels.depth
        if not isinstance(file, SpooledFile) or schema is None:
            return None
        limit = self.limits.max_image_pixels
        with reading(file.name, "a depth map"):
            return read_depth(file, size, max_pixels=limit, schema=schema, notices=self.notices)

    def _label_source(self, task: TaskName, stem: str) -> SpooledFile | CocoLabels | None:
        """Return the label file or COCO labels of an image. Raises `Refused` if it has both."""
        own = self.files.labels(task).get(stem)
        if self.coco is None or stem not in self.annotated[task]:
            return own
        if own is not None:
            detail = f"Expected {task} of the image in one file, got this one and {self.coco.name}. Keep one of them."
            raise Refused(own.name, detail)
        return self.coco


def _check_size(mask: Image.Image, name: str, size: Size, image: str) -> None:
    if mask.size != size:
        detail = (
            f"Expected a mask of {size[0]} x {size[1]} pixels, like the upright image {image}, got {mask.width} x"
            f" {mask.height}. Make them the same size; resize masks by nearest neighbour."
        )
        raise Refused(name, detail)
