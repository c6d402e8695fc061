"""The tasks of a shard: the file of each, how it is decoded, and where it lies in a folder.

A new task is one function and one row. A reader may pass its own rows to `decode_sample`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from handsoff_shards.decoding import decode_depth, decode_keypoints, decode_mask
from handsoff_shards.members import DEPTH, KEYPOINTS, MASK

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ShardTask:
    """One kind of label in a shard.

    `decode` turns its file into arrays by name. Names that `Sample` has as fields go there, other arrays to
    `Sample.labels`. `folder` and `to_upload` are for exports as files: where the file lies, and the file as an upload
    accepts it. `field` is the field of `Labels` that declares the task.
    """

    name: str
    extension: str
    folder: str
    decode: Callable[[bytes], Arrays]
    field: str = ""
    to_upload: Callable[[bytes], bytes] = bytes

    @property
    def is_image(self) -> bool:
        """Whether the file is an image, as `datasets` reads it."""
        return self.extension.endswith(".png")


def _mask(data: bytes) -> Arrays:
    return {"mask": decode_mask(data)}


def _keypoints(data: bytes) -> Arrays:
    points, confidence = decode_keypoints(data)
    return {"keypoints": points, "confidence": confidence}


def _depth(data: bytes) -> Arrays:
    return {"depth": decode_depth(data)}


def _without_confidence(data: bytes) -> bytes:
    """Return generated keypoints in the form of hand-made labels."""
    fields = ("name", "x", "y", "visibility")
    points = [{name: point[name] for name in fields} for point in json.loads(data)["keypoints"]]
    return json.dumps({"keypoints": points}).encode()


TASKS: tuple[ShardTask, ...] = (
    ShardTask("segmentation", MASK, "masks", _mask, "classes"),
    ShardTask("keypoints", KEYPOINTS, "keypoints", _keypoints, "keypoints", _without_confidence),
    ShardTask("depth", DEPTH, "depth", _depth, "depth"),
)
