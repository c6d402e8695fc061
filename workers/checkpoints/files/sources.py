"""Bytes that a pickle is read from, front to back: short runs are copied, long ones are views into the file."""

import mmap
from pathlib import Path

VIEWS_FROM_BYTES = 256
"""Shorter reads are copied: most are names and numbers, whose views would keep more alive than they save."""

MAX_LINE_BYTES = 4096
"""Of the names of a global, which are lines."""


class Source:
    """A stream for `pickletools.genops`. It never allocates more than there is, whatever length it is asked for."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0

    def tell(self) -> int:
        """The number of bytes that were read."""
        return self._at

    def read(self, count: int) -> bytes | memoryview:
        """The next bytes: as many as there are, at most `count`."""
        data = self.view(count)
        return data if len(data) > VIEWS_FROM_BYTES else bytes(data)

    def view(self, count: int) -> memoryview:
        """The next bytes as a view, which holds no memory of its own."""
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        return data

    def readline(self) -> bytes:
        """The bytes up to the next line break and with it; none after `MAX_LINE_BYTES` without one."""
        ahead = bytes(self._data[self._at : self._at + MAX_LINE_BYTES])
        line = ahead[: ahead.find(b"\n") + 1]
        self._at += len(line)
        return line


def mapped(path: Path) -> memoryview:
    """The bytes of a file that is not empty. Only what is looked at is read from the disk."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
