"""A downloaded batch, sample by sample, as exports need it: the image's own bytes beside the decoded labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handsoff_client.folders import BatchFolder
from handsoff_client.samples import IMAGE_EXTENSIONS, Sample, decode_sample
from handsoff_client.tars import Files, ShardReader

BACKGROUND = "background"


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


def samples_of(folder: BatchFolder) -> Iterator[Exported]:
    """Every sample of a batch, in order."""
    for shard in range(len(folder.index.shards)):
        reader = ShardReader(folder.path_of(shard))
        try:
            for place, entry in enumerate(reader.entries):
                files = reader[place]
                suffix = next(name for name in IMAGE_EXTENSIONS if name in files)
                yield Exported(entry.key, f"{entry.key}.{suffix}", files, decode_sample(files))
        finally:
            reader.close()


def objects_of(classes: Sequence[str]) -> dict[int, str]:
    """The classes that are things: all but the one named background, by class index."""
    return {index: name for index, name in enumerate(classes) if name.casefold() != BACKGROUND}
