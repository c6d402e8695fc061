"""Read shards for an export: sample by sample, the bytes of the image and the decoded labels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.labels import Labels
from handsoff_shards.members import Files, image_extension
from handsoff_shards.samples import Sample, decode_sample
from handsoff_shards.tars import ShardReader

BACKGROUND = "background"
"""labelme spells it `_background_`, which counts too."""

Entry = tuple[str, bytes]
"""A file of an export: its path inside the export's folder, and its bytes."""


@dataclass(frozen=True)
class ShardSet:
    """The shards of a batch, the schema of their labels, the name of the batch, and when it finished (None: unknown).

    `paths` is consumed one by one while reading.
    """

    name: str
    labels: Labels
    paths: Iterable[Path]
    finished: datetime | None = None


Writer = Callable[[ShardSet], Iterator[Entry]]


@dataclass(frozen=True)
class Format:
    """How a format is written. The batch must have labels of at least one of the tasks `needs`. Empty: any task.

    `instances` writes each connected part of a class as a separate object; None when the format has no objects.
    """

    write: Writer
    needs: tuple[str, ...] = ()
    instances: Writer | None = None


@dataclass(frozen=True)
class Exported:
    """One sample of an export. `image_name` is the file name of its image."""

    key: str
    image_name: str
    files: Files
    sample: Sample

    @property
    def image_bytes(self) -> bytes:
        """The bytes of the image file, as rendered."""
        return self.files[self.image_name.rpartition(".")[2]]

    def ignored(self, labels: Labels) -> NDArray[np.bool_] | None:
        """Return the ignored pixels of the mask; None without any."""
        mask = self.sample.mask
        ignored = None if mask is None else mask == labels.ignore_index
        return ignored if ignored is not None and ignored.any() else None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.sample.image.shape[:2]
        return width, height


def samples_of(shards: ShardSet) -> Iterator[Exported]:
    """Yield every sample, in order."""
    for path in shards.paths:
        reader = ShardReader(path)
        try:
            for place, entry in enumerate(reader.entries):
                files = reader[place]
                sample = decode_sample(files)
                name = f"{entry.key}.{image_extension(files)}"
                yield Exported(entry.key, name, files, sample)
        finally:
            reader.close()


def is_image(name: str) -> bool:
    """Whether a file of an export is an image, and not a label: it lies in `images/` or `JPEGImages/`."""
    return not {"images", "JPEGImages"}.isdisjoint(name.split("/")[:-1])


def objects_of(classes: Sequence[str]) -> dict[int, str]:
    """Return the classes that are objects by class index: all except the one named background."""
    return {
        index: name
        for index, name in enumerate(classes)
        if name.casefold().strip("_") != BACKGROUND
    }
