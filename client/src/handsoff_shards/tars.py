"""A shard on disk as a list of samples: which bytes of the tar are which file of which sample, read without unpacking.

The index is made from the tar's own headers, so any WebDataset shard of plain files will do.
"""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from handsoff_shards.errors import InvalidInput

Files = Mapping[str, bytes]
"""A sample's files by what follows the key's first dot: `png`, `mask.png`, `json`."""


@dataclass(frozen=True)
class Extent:
    """Where a file lies in the tar."""

    offset: int
    num_bytes: int


@dataclass(frozen=True)
class SampleEntry:
    """A sample's key, and where each of its files lies."""

    key: str
    files: Mapping[str, Extent]


def index_tar(path: Path) -> tuple[SampleEntry, ...]:
    """The samples of a tar in their order. Raises `InvalidInput` when it is damaged, or holds more than plain files."""
    samples: dict[str, dict[str, Extent]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isfile():
                    raise InvalidInput(f"'{path}' holds '{member.name}', which is no plain file.")
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise InvalidInput(
                        f"'{path}' holds '{member.name}', which names a place outside."
                    )
                key, extension = split_name(member.name)
                extent = Extent(member.offset_data, member.size)
                samples.setdefault(key, {})[extension] = extent
    except tarfile.TarError as error:
        raise InvalidInput(f"'{path}' is not a whole tar ({error}).") from error
    return tuple(SampleEntry(key, files) for key, files in samples.items())


def split_name(name: str) -> tuple[str, str]:
    """Key and extension of a member: the first dot of its last part divides them, as in WebDataset."""
    folder, slash, last = name.rpartition("/")
    key, _, extension = last.partition(".")
    return f"{folder}{slash}{key}", extension


class ShardReader(Sequence[Files]):
    """The samples of one shard, each read from disk when it is asked for."""

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
        """Gives the file back."""
        self._file.close()

    def _read(self, entry: SampleEntry) -> Files:
        """A sample's files lie side by side: one read brings all."""
        extents = entry.files.values()
        start = min(extent.offset for extent in extents)
        stop = max(extent.offset + extent.num_bytes for extent in extents)
        self._file.seek(start)
        data = self._file.read(stop - start)
        return {
            extension: data[extent.offset - start : extent.offset - start + extent.num_bytes]
            for extension, extent in entry.files.items()
        }
