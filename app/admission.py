"""Bounds the uploads that one process receives at the same time. Each takes disk, and threads while it is decoded."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors.tree import Unavailable


class UploadsInFlight:
    """Counts uploads from their first byte to their answer. Lives in the event loop, so it needs no lock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one upload. Raises `Unavailable` when as many as may be are under way."""
        if self._count >= self._most:
            detail = f"{self._most} uploads are being received, the most at a time. Retry in a few seconds."
            raise Unavailable(detail)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
