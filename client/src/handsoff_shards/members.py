"""The files of a sample in a shard: their names, in one place for the writer and the reader.

A shard is a WebDataset tar. A member is named KEY.EXTENSION, such as `000000042.mask.png`: the first dot ends the key.
"""

from collections.abc import Mapping

Files = Mapping[str, bytes]
"""The files of one sample by extension: `png`, `mask.png`, `json`."""

IMAGE_EXTENSION_OF = {"png": "png", "jpeg": "jpg"}
"""The extension of the image by image format, as the service writes it."""
IMAGE_EXTENSIONS = ("png", "jpg", "jpeg", "webp")
"""The extensions that are read as the image of a sample."""

MASK = "mask.png"
"""Class indices: a palette PNG."""
KEYPOINTS = "keypoints.json"
DEPTH = "depth.png"
"""A 16-bit grey PNG in steps of `DepthLabels.scale`."""
UNCERTAINTY = "uncertainty.png"
"""An 8-bit grey PNG: round(255 x nats), clipped at 1 nat."""
SOFT_LABELS = "soft_labels.png"
"""An 8-bit grey PNG of 2k planes, one below the other: k classes, then their k probabilities in steps of 1/255."""
FACTS = "json"
"""Seed, index, score and other facts of the sample."""

UNCERTAINTY_STEPS_PER_NAT = 255

SHARD_FILES = "shard-*.tar"
"""Glob of the shards in a folder."""


def key_of(index: int) -> str:
    """Return the key of the sample `index`: nine digits, because a key holds no dot."""
    return f"{index:09d}"


def shard_file(index: int) -> str:
    """Return the file name of a shard in a folder."""
    return f"shard-{index:06d}.tar"


def split_name(name: str) -> tuple[str, str]:
    """Return key and extension of a member. The first dot of its last part divides them, as in WebDataset."""
    folder, slash, last = name.rpartition("/")
    key, _, extension = last.partition(".")
    return f"{folder}{slash}{key}", extension


def image_extension(files: Files) -> str | None:
    """Return the extension of the image of a sample; None when the sample has no image."""
    return next((name for name in IMAGE_EXTENSIONS if name in files), None)
