"""Answers one layer of a picture: its image, its labels as colors, as indices or as points, depth, uncertainty."""

import io
from collections.abc import Callable
from typing import Literal

from fastapi import HTTPException, Response
from PIL import Image

from app.ui.images import overlays
from contracts.schemas import LabelSchema

Layer = Literal["image", "mask", "indices", "points", "depth", "uncertainty"]

Read = Callable[[str], bytes | None]
"""Returns the file of an image or a label by its name, if there is one."""

_SOURCES: dict[Layer, str] = {
    "image": "image",
    "mask": "mask",
    "indices": "mask",
    "points": "keypoints",
    "depth": "depth",
    "uncertainty": "uncertainty",
}
_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_HEADERS = {"Cache-Control": "private, max-age=600"}


def picture(read: Read, layer: Layer, labels: LabelSchema) -> Response:
    """Return a layer as a PNG, or the image as it is stored. Raises 404 for a layer that the picture lacks."""
    data = read(_SOURCES[layer])
    if data is None:
        raise HTTPException(404)
    if layer == "image":
        media_type = next((kind for start, kind in _TYPES.items() if data.startswith(start)), None)
        if media_type is None:
            raise HTTPException(404)
        return Response(data, media_type=media_type, headers=_HEADERS)
    return Response(_draw(read, layer, data, labels), media_type="image/png", headers=_HEADERS)


def _draw(read: Read, layer: Layer, data: bytes, labels: LabelSchema) -> bytes:
    if layer == "mask":
        return overlays.draw_mask(data, labels)
    if layer == "indices":
        return overlays.draw_indices(data)
    if layer == "uncertainty":
        return overlays.draw_heat(data)
    if layer == "depth":
        return overlays.draw_depth(data)
    if labels.keypoints is None:
        raise HTTPException(404)
    with Image.open(io.BytesIO(read("image") or b""), formats=("PNG", "JPEG")) as image:
        size = image.size
    return overlays.draw_points(size, overlays.read_points(data), labels.keypoints)
