"""Limits the uploads that one process receives at the same time: each needs disk and, for decoding, threads."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors.tree import Unavailable


class UploadsInFlight:
    """Counts uploads from the first byte to the response. It is used in the event loop only, so it needs no lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one upload. Raises `Unavailable` if the limit is reached."""
        if self._count >= self._limit:
            detail = f"Expected at most {self._limit} uploads at a time, got one more. Retry in a few seconds."
            raise Unavailable(detail)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
