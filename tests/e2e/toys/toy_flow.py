"""A toy task, the flow of every pixel as a 2-vector: its contract part and its upload decoder, as a product has them.

The decoding child imports this module, so it imports no torch. `test_toy_task.py` has the other three parts.
"""

from typing import Literal

import numpy as np
from PIL import Image

from app.decoding.images import encode_png, load_image
from app.decoding.parts import TaskPart
from app.decoding.protocol import SpooledFile
from app.decoding.refusal import Refused, reading
from app.decoding.task import Label, LabelSource, UploadTask
from app.decoding.tasks import TASKS as BUILT_IN
from contracts.base import Model

NAME = "flow"
KNOWN = 255


class FlowSchema(Model):
    """The part of labelset.json: the frame in which the vectors are given."""

    frame: Literal["camera", "world"]


class UploadedFlow(UploadTask):
    """Flow from RGB PNGs: x and y from -1 to 1 in 255 steps, and whether the pixel is known."""

    part = TaskPart(NAME, "flows", (".png",), '"flow": {"frame": "camera"}')
    field = NAME
    schema = FlowSchema

    def read(self, source: LabelSource) -> Label:
        file = source.file
        assert isinstance(file, SpooledFile)
        with reading(file.name, "a flow map"):
            loaded = load_image(
                file.path,
                file.name,
                ("PNG",),
                source.limits.max_image_pixels,
                notices=source.notices,
            )
            if loaded.image.size != source.size or loaded.image.mode != "RGB":
                raise Refused(file.name, "Expected an RGB map of the size of its image. Resize it.")
            if not (np.asarray(loaded.image)[..., 2] == KNOWN).any():
                raise Refused(file.name, "Expected known pixels, got none. Remove the file.")
        return Label(encode_png(loaded.image), "png", is_reoriented=loaded.is_reoriented)


def encode_flow(flow: np.ndarray[tuple[int, int, int], np.dtype[np.float32]]) -> Image.Image:
    """Return a flow [h, w, 2] with NaN for unknown as the picture that an upload and a shard have."""
    known = ~np.isnan(flow).any(axis=2, keepdims=True)
    steps = np.rint((np.nan_to_num(flow).clip(-1, 1) + 1) / 2 * 255)
    return Image.fromarray(np.concatenate([steps, known * KNOWN], axis=2).astype(np.uint8))


TASKS: tuple[UploadTask, ...] = (*BUILT_IN, UploadedFlow())
