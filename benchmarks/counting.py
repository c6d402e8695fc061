"""Counts what an action costs: requests to the store, commands and bytes in Redis.

Tests and benchmarks use it. Unlike times, counts are equal on every machine.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import redis
from obstore.store import MemoryStore

from state.store import ObjectInfo, Store

LIST_PAGE = 1_000
"""The most keys in one answer of a bucket; a longer list takes several requests."""


@dataclass(frozen=True)
class CountedStore(Store):
    """A store in memory that counts the requests that a bucket would get, by verb."""

    requests: Counter[str] = field(default_factory=Counter)

    @classmethod
    def empty(cls) -> "CountedStore":
        """Return an empty store."""
        return cls(MemoryStore())

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count the requests of the block alone."""
        before, counted = self.requests.copy(), Counter[str]()
        yield counted
        counted.update(self.requests - before)

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        self.requests["put"] += 1
        super().put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        self.requests["put"] += 1  # its HEAD is counted as one
        return super().create(key, data)

    def get(self, key: str) -> bytes:
        self.requests["get"] += 1
        return super().get(key)

    def head(self, key: str) -> ObjectInfo | None:
        self.requests["head"] += 1
        return super().head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.requests["list"] += 1
        for number, each in enumerate(super().list(prefix), start=1):
            self.requests["list"] += number % LIST_PAGE == 0
            yield each

    def children(self, prefix: str) -> tuple[str, ...]:
        names = super().children(prefix)
        self.requests["list"] += 1 + len(names) // LIST_PAGE
        return names

    def delete(self, key: str) -> None:
        self.requests["delete"] += 1
        super().delete(key)


def num_commands(connection: "redis.Redis") -> int:
    """Return how many commands the server has run so far, those of scripts included."""
    stats = cast("dict[str, dict[str, int]]", connection.info("commandstats"))
    return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")


def num_bytes(connection: "redis.Redis") -> int:
    """Return the bytes of all keys in Redis, without the server's own memory."""
    return sum(connection.memory_usage(key, samples=0) or 0 for key in connection.scan_iter())
