"""Shards on their way to another format: sample by sample, the image's own bytes beside the decoded labels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from handsoff_shards.labels import Labels
from handsoff_shards.samples import IMAGE_EXTENSIONS, Sample, decode_sample
from handsoff_shards.tars import Files, ShardReader

BACKGROUND = "background"
"""Also spelled `_background_`, as labelme has it."""

Entry = tuple[str, bytes]
"""A file of an export: its path below the export's folder, and its bytes."""


@dataclass(frozen=True)
class ShardSet:
    """The shards of a batch, what their labels mean, the batch's name and when it was finished, where that is known.

    Each path is asked for when it is read.
    """

    name: str
    labels: Labels
    paths: Iterable[Path]
    finished: datetime | None = None


@dataclass(frozen=True)
class Exported:
    """One sample on its way out. `image_name` is its file's name, whose bytes stay as they are."""

    key: str
    image_name: str
    files: Files
    sample: Sample

    @property
    def image_bytes(self) -> bytes:
        """The image as it was rendered."""
        return self.files[self.image_name.rpartition(".")[2]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.sample.image.shape[:2]
        return width, height


def samples_of(shards: ShardSet) -> Iterator[Exported]:
    """Every sample, in order."""
    for path in shards.paths:
        reader = ShardReader(path)
        try:
            for place, entry in enumerate(reader.entries):
                files = reader[place]
                suffix = next(name for name in IMAGE_EXTENSIONS if name in files)
                yield Exported(entry.key, f"{entry.key}.{suffix}", files, decode_sample(files))
        finally:
            reader.close()


def objects_of(classes: Sequence[str]) -> dict[int, str]:
    """The classes that are objects: all but the one named background, by class index."""
    return {
        index: name
        for index, name in enumerate(classes)
        if name.casefold().strip("_") != BACKGROUND
    }
