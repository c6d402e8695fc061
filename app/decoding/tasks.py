"""The tasks of an upload, in the order in which they are always named. A new task is one new file and one row.

The child imports this tuple by its name (`DecodeJob.tasks`), so that another tuple can be named in its place.
"""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from app.decoding.depth import read_depth
from app.decoding.images import encode_png
from app.decoding.keypoints import order_points, read_keypoints
from app.decoding.masks import Mask, count_classes, read_mask
from app.decoding.parts import DEPTH, KEYPOINTS, MASKS
from app.decoding.protocol import SpooledFile
from app.decoding.refusal import Refused, reading
from app.decoding.task import Label, LabelSource, UploadTask
from contracts.schemas import LabelSchema

_FIRST_PIXEL = (
    "All labelled keypoints of the image are in its first pixel. Check that they are in pixels, not shares of the width"
    " and height, and that points at 0, 0 are labelled."
)


class UploadedMasks(UploadTask):
    """Masks from PNG files, or drawn from the regions of a COCO file."""

    part = MASKS
    field = "mask"

    def read(self, source: LabelSource) -> Label:
        file, upload = source.file, source.upload
        with reading(
            file.name, "a PNG mask" if isinstance(file, SpooledFile) else "COCO annotations"
        ):
            if isinstance(file, SpooledFile):
                limit = source.limits.max_image_pixels
                mask = read_mask(file.path, file.name, limit, upload, source.notices)
            else:
                drawn = file.draw_mask(source.stem, source.size)
                mask = Mask(drawn, is_indexed=False, is_reoriented=False)
            # Checked after decoding, because the mask may be turned too.
            _check_size(mask.image, source)
            counts, ignored = count_classes(mask.image, file.name, upload.labels)
        facts = {"class_pixels": counts, "ignored_pixels": ignored}
        return Label(encode_png(mask.image), "png", facts, mask.is_reoriented, mask.is_indexed)

    def absent(self, labels: LabelSchema) -> Mapping[str, Any]:
        return {"class_pixels": (0,) * labels.num_classes}


class UploadedKeypoints(UploadTask):
    """Keypoints from JSON files, or from the object of a COCO file."""

    part = KEYPOINTS
    field = "keypoints"

    def read(self, source: LabelSource) -> Label:
        file, schema = source.file, source.upload.keypoints
        assert schema is not None
        with reading(file.name, "keypoints"):
            if isinstance(file, SpooledFile):
                points = read_keypoints(file.path, file.name, source.limits.max_json_bytes)
            else:
                points = file.find_points(source.stem, source.size)
            ordered = order_points(points, file.name, source.size, schema)
        labelled = [point for point in ordered.points if point.visibility]
        if max(source.size) > 1 and all(max(point.x, point.y) <= 1 for point in labelled):
            source.notices.add("keypoints_in_first_pixel", _FIRST_PIXEL, source.image_name)
        facts = {"visibility": tuple(point.visibility for point in ordered.points)}
        return Label(ordered.model_dump_json().encode(), "json", facts)


class UploadedDepth(UploadTask):
    """Depth maps from PNG or npy files."""

    part = DEPTH
    field = "depth"

    def read(self, source: LabelSource) -> Label:
        file, schema = source.file, source.upload.depth
        assert isinstance(file, SpooledFile)
        assert schema is not None
        limit = source.limits.max_image_pixels
        with reading(file.name, "a depth map"):
            depth = read_depth(
                file, source.size, max_pixels=limit, schema=schema, notices=source.notices
            )
        return Label(depth.data, depth.suffix, {"depth_range": depth.depths}, depth.is_reoriented)


TASKS: tuple[UploadTask, ...] = (UploadedMasks(), UploadedKeypoints(), UploadedDepth())


def _check_size(mask: Image.Image, source: LabelSource) -> None:
    if mask.size != source.size:
        width, height = source.size
        detail = (
            f"Expected a mask of {width} x {height} pixels, like the upright image {source.image_name}, got"
            f" {mask.width} x {mask.height}. Make them the same size; resize masks by nearest neighbour."
        )
        raise Refused(source.file.name, detail)
