"""A shard on disk as a sequence of samples. Samples are read from the tar without unpacking it.

The index is built from the tar's headers, so any WebDataset shard of plain files can be read.
"""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import Files, split_name


@dataclass(frozen=True)
class Extent:
    """The position of a file in the tar."""

    offset: int
    num_bytes: int


@dataclass(frozen=True)
class SampleEntry:
    """The key of a sample and the position of each of its files."""

    key: str
    files: Mapping[str, Extent]


def index_tar(path: Path) -> tuple[SampleEntry, ...]:
    """Return the samples of a tar in order. Raises `InvalidInput` when it is damaged or holds more than plain files."""
    samples: dict[str, dict[str, Extent]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isfile():
                    raise InvalidInput(f"'{path}': expected plain files only, got '{member.name}'.")
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise InvalidInput(
                        f"'{path}': '{member.name}' points outside the target folder."
                    )
                key, extension = split_name(member.name)
                extent = Extent(member.offset_data, member.size)
                samples.setdefault(key, {})[extension] = extent
    except tarfile.TarError as error:
        raise InvalidInput(f"'{path}' is not a complete tar ({error}).") from error
    return tuple(SampleEntry(key, files) for key, files in samples.items())


class ShardReader(Sequence[Files]):
    """The samples of one shard. Each is read from disk on access."""

    def __init__(self, path: Path) -> None:
        self.entries = index_tar(path)
        self._file = path.open("rb")

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, place: int) -> Files: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Files]: ...
    def __getitem__(self, place: int | slice) -> Files | Sequence[Files]:
        if isinstance(place, slice):
            return [self._read(entry) for entry in self.entries[place]]
        return self._read(self.entries[place])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, entry: SampleEntry) -> Files:
        """Read the files of a sample in one go: they are neighbours in the tar."""
        extents = entry.files.values()
        start = min(extent.offset for extent in extents)
        stop = max(extent.offset + extent.num_bytes for extent in extents)
        self._file.seek(start)
        data = self._file.read(stop - start)
        return {
            extension: data[extent.offset - start : extent.offset - start + extent.num_bytes]
            for extension, extent in entry.files.items()
        }
