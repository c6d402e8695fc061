"""One entry of a labelset from an upload: the image, and each kind of label from its own file or the COCO file."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from app.decoding.coco.labels import CocoLabels
from app.decoding.depth import DepthMap, read_depth
from app.decoding.images import encode_png, read_image
from app.decoding.keypoints import place_points, read_keypoints
from app.decoding.masks import Mask, count_classes, read_mask
from app.decoding.parts import Named, Sorted
from app.decoding.protocol import DecodedEntry, DecodedFile, DecodeLimits, Suffix, UploadSchema
from app.decoding.refusal import Notices, Refused, reading
from contracts.labelsets import StoredKeypoints
from contracts.schemas import LabelSchema
from contracts.tasks import TASK_NAMES, TaskName

Size = tuple[int, int]

_TURNED = (
    "The image was turned upright by its EXIF orientation, its labels were not: they carry no orientation. Check that"
    " they were made on the upright image."
)


@dataclass(frozen=True)
class CountedMask:
    """A mask, the file it was read from, and its pixels: (of each class, ignored)."""

    image: Image.Image
    file: str
    counts: tuple[tuple[int, ...], int]
    is_indexed: bool
    is_turned: bool


@dataclass(frozen=True)
class Entry:
    """A decoded entry, the file of its mask, and whether that file held class indices as numbers."""

    decoded: DecodedEntry
    mask_file: str | None
    is_indexed: bool


@dataclass(frozen=True)
class Source:
    """Where entries come from: the sorted files, what they mean, how far one may go, and where decoded files go."""

    files: Sorted
    coco: CocoLabels | None
    upload: UploadSchema
    limits: DecodeLimits
    out: Path
    notices: Notices

    @cached_property
    def labels(self) -> LabelSchema:
        """The schema that is stored."""
        return self.upload.labels

    @property
    def is_ignore_declared(self) -> bool:
        """Whether the upload says which value is ignored, so that it means no class."""
        return bool({"ignore_index", "ignore_color"} & self.upload.model_fields_set)

    @cached_property
    def annotated(self) -> Mapping[TaskName, Set[str]]:
        """The stems that the COCO file labels, by task."""
        return {task: self.coco.content.stems(task) if self.coco else set() for task in TASK_NAMES}

    def decode(self, stem: str) -> Entry:
        """The entry of one image, its files written. Raises `Refused` at the first that is not as it should be."""
        file = self.files.images[stem]
        with reading(file.name, "an image"):
            picture = read_image(file.path, file.name, self.limits.max_image_pixels, self.notices)
            image = self.save(encode_png(picture.image), "png")
        size = picture.image.size
        mask = self._mask(stem, size)
        points = self._keypoints(stem, size)
        depth = self._depth(stem, size)
        if picture.is_turned and not (mask and mask.is_turned) and not (depth and depth.is_turned):
            self.notices.add("exif_turned", _TURNED, file.name)
        counts = mask.counts if mask else ((0,) * self.labels.num_classes, 0)
        decoded = DecodedEntry(
            name=stem,
            image=image,
            mask=self.save(encode_png(mask.image), "png") if mask else None,
            keypoints=self.save(points.model_dump_json().encode(), "json") if points else None,
            depth=self.save(depth.data, depth.suffix) if depth else None,
            height_px=picture.image.height,
            width_px=picture.image.width,
            class_pixels=counts[0],
            ignored_pixels=counts[1],
            visibility=tuple(point.visibility for point in points.points) if points else (),
            depth_range=depth.known if depth else None,
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
        """The mask with its pixels by class, and those ignored."""
        file = self._chosen("segmentation", stem)
        if file is None:
            return None
        with reading(file.name, "a PNG mask" if isinstance(file, Named) else "COCO annotations"):
            if isinstance(file, Named):
                limit = self.limits.max_image_pixels
                mask = read_mask(file.path, file.name, limit, self.upload, self.notices)
            else:
                mask = Mask(file.draw_mask(stem, size), is_indexed=False, is_turned=False)
            _check_size(mask.image, file.name, size, self.files.images[stem].name)
            counts = count_classes(mask.image, file.name, self.labels)
        return CountedMask(mask.image, file.name, counts, mask.is_indexed, mask.is_turned)

    def _keypoints(self, stem: str, size: Size) -> StoredKeypoints | None:
        file = self._chosen("keypoints", stem)
        schema = self.labels.keypoints
        if file is None or schema is None:
            return None
        with reading(file.name, "keypoints"):
            if isinstance(file, Named):
                points = read_keypoints(file.path, file.name, self.limits.max_json_bytes)
            else:
                points = file.find_points(stem, size)
            return place_points(points, file.name, size, schema)

    def _depth(self, stem: str, size: Size) -> DepthMap | None:
        file = self._chosen("depth", stem)
        schema = self.labels.depth
        if not isinstance(file, Named) or schema is None:
            return None
        limit = self.limits.max_image_pixels
        with reading(file.name, "a depth map"):
            return read_depth(file, size, max_pixels=limit, schema=schema, notices=self.notices)

    def _chosen(self, task: TaskName, stem: str) -> Named | CocoLabels | None:
        """What labels the image. Raises `Refused` when a file of its own and the COCO file both do."""
        own = self.files.labels(task).get(stem)
        if self.coco is None or stem not in self.annotated[task]:
            return own
        if own is not None:
            detail = f"{self.coco.name} labels the same image. Keep one of the two."
            raise Refused(own.name, detail)
        return self.coco


def _check_size(mask: Image.Image, name: str, size: Size, image: str) -> None:
    if mask.size != size:
        detail = (
            f"The mask is {mask.width} x {mask.height}, its image {image} (upright)"
            f" {size[0]} x {size[1]}. Make them the same size, the mask by nearest neighbour."
        )
        raise Refused(name, detail)
