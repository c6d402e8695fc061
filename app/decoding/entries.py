"""One entry of a labelset out of an upload: the image, and each kind of label from its own file or the COCO file."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from app.decoding.coco import CocoFile
from app.decoding.coco_labels import draw_mask, find_points
from app.decoding.depth import read_depth
from app.decoding.images import encode_png, read_image
from app.decoding.keypoints import place_points, read_keypoints
from app.decoding.masks import count_classes, read_mask
from app.decoding.parts import Named, Sorted
from app.decoding.protocol import DecodedEntry, DecodedFile, DecodeLimits, Suffix, UploadSchema
from app.decoding.refusal import Refused
from contracts.labelsets import DepthRange, StoredKeypoints
from contracts.schemas import TASK_NAMES, LabelSchema, TaskName

Size = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """Where entries come from: the sorted files, what they mean, how far one may go, and where decoded files go."""

    found: Sorted
    coco: CocoFile | None
    upload: UploadSchema
    limits: DecodeLimits
    out: Path

    @cached_property
    def labels(self) -> LabelSchema:
        """The schema that is stored."""
        return self.upload.labels

    @cached_property
    def annotated(self) -> Mapping[TaskName, Set[str]]:
        """The stems that the COCO file labels, by task."""
        return {task: self.coco.stems(task) if self.coco else set() for task in TASK_NAMES}

    def decode(self, stem: str) -> DecodedEntry:
        """The entry of one image, its files written. Raises `Refused` at the first that is not as it should be."""
        source = self.found.images[stem]
        image = read_image(source.path, source.name, self.limits.max_image_pixels)
        mask, class_pixels, ignored_pixels = self._mask(stem, image.size)
        points = self._keypoints(stem, image.size)
        depth, depth_range = self._depth(stem, image.size)
        return DecodedEntry(
            name=stem,
            image=self._save(encode_png(image), "png"),
            mask=mask,
            keypoints=self._save(points.model_dump_json().encode(), "json") if points else None,
            depth=depth,
            height_px=image.height,
            width_px=image.width,
            class_pixels=class_pixels,
            ignored_pixels=ignored_pixels,
            visibility=tuple(point.visibility for point in points.points) if points else (),
            depth_range=depth_range,
        )

    def _mask(self, stem: str, size: Size) -> tuple[DecodedFile | None, tuple[int, ...], int]:
        """The mask with its pixels by class, and those ignored."""
        file = self._chosen("segmentation", stem)
        if file is None:
            return None, (0,) * self.labels.num_classes, 0
        if isinstance(file, Named):
            mask = read_mask(file.path, file.name, self.limits.max_image_pixels, self.upload)
            name = file.name
        else:
            name = self._coco_name()
            mask = draw_mask(file, name, stem, size, labels=self.labels)
        _check_size(mask, name, size, self.found.images[stem].name)
        return self._save(encode_png(mask), "png"), *count_classes(mask, name, self.labels)

    def _keypoints(self, stem: str, size: Size) -> StoredKeypoints | None:
        file = self._chosen("keypoints", stem)
        schema = self.labels.keypoints
        if file is None or schema is None:
            return None
        if isinstance(file, Named):
            name = file.name
            points = read_keypoints(file.path, name, self.limits.max_json_bytes)
        else:
            name = self._coco_name()
            points = find_points(file, name, stem, size)
        return place_points(points, name, size, schema)

    def _depth(self, stem: str, size: Size) -> tuple[DecodedFile | None, DepthRange | None]:
        file = self._chosen("depth", stem)
        schema = self.labels.depth
        if not isinstance(file, Named) or schema is None:
            return None, None
        limit = self.limits.max_image_pixels
        data, suffix, depth_range = read_depth(
            file.path, file.name, size, max_pixels=limit, schema=schema
        )
        return self._save(data, suffix), depth_range

    def _chosen(self, task: TaskName, stem: str) -> Named | CocoFile | None:
        """What labels the image. Raises `Refused` when a file of its own and the COCO file both do."""
        own = self.found.labels(task).get(stem)
        is_annotated = stem in self.annotated[task]
        if own is not None and is_annotated:
            detail = f"{self._coco_name()} labels the same image. Keep one of the two."
            raise Refused(own.name, detail)
        return own or (self.coco if is_annotated else None)

    def _coco_name(self) -> str:
        assert self.found.coco is not None
        return self.found.coco.name

    def _save(self, data: bytes, suffix: Suffix) -> DecodedFile:
        file = DecodedFile(
            sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data), suffix=suffix
        )
        (self.out / file.file_name).write_bytes(data)
        return file


def _check_size(mask: Image.Image, name: str, size: Size, image: str) -> None:
    if mask.size != size:
        detail = (
            f"The mask is {mask.width} x {mask.height}, its image {image} (upright)"
            f" {size[0]} x {size[1]}. Make them the same size, the mask by nearest neighbour."
        )
        raise Refused(name, detail)
