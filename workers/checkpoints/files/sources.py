"""The bytes that a pickle is read from, front to back: short runs are copied, long runs are views into the file."""

import mmap
from pathlib import Path

VIEWS_FROM_BYTES = 256
"""Shorter reads are copied. Most are names and numbers: a view of them would keep more memory in use than it saves."""

MAX_LINE_BYTES = 4096
"""The longest line. Lines hold the names of globals."""


class Source:
    """A stream for `pickletools.genops`. It never allocates more than the remaining bytes, for any requested length."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0

    def tell(self) -> int:
        """Return the number of bytes that were read."""
        return self._position

    def read(self, count: int) -> bytes | memoryview:
        """Return the next `count` bytes, or all that are left."""
        data = self.view(count)
        return data if len(data) > VIEWS_FROM_BYTES else bytes(data)

    def view(self, count: int) -> memoryview:
        """Return a view of the next `count` bytes, or of all that are left. A view copies nothing."""
        data = self._data[self._position : self._position + count]
        self._position += len(data)
        return data

    def readline(self) -> bytes:
        """Return the bytes up to and including the next line break; none if it is not within `MAX_LINE_BYTES`."""
        ahead = bytes(self._data[self._position : self._position + MAX_LINE_BYTES])
        line = ahead[: ahead.find(b"\n") + 1]
        self._position += len(line)
        return line


def map_file(path: Path) -> memoryview:
    """Map a file that is not empty into memory. The disk is read only where the view is."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
