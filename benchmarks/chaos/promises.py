"""What the service has promised to one tenant: each accepted resource, and what the callers did with it since.

Threads share a `Diary`. The auditor compares it with the store at the end.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

IDS = re.compile(r"[a-z]+_[0-9a-f]{32}")
"""The ids in an answer of the service."""

JOBS = ("generators", "fits", "batches", "labelings")
"""The nouns whose resources end."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the samples of a batch. Equal recipes give equal bytes."""

    fit: str
    n: int
    seed: int
    shard_size: int
    drop_share: float | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the client's `create`."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class Promise:
    """An accepted resource. A cancel or delete whose answer was lost may or may not have happened."""

    noun: str
    id: str
    recipe: Recipe | None = None
    may_be_cancelled: bool = False
    may_be_deleted: bool = False
    is_deleted: bool = False


@dataclass
class Diary:
    """All promises to a tenant, and all calls that were answered badly or not.

    `stream_shards` has the digests by (stream, shard), `over_limits` counts the answers 429, `seen` has the ids in all
    answers, `trespasses` the answers that gave a caller something of another tenant.
    """

    tenant: str
    promises: list[Promise] = field(default_factory=list)
    stream_shards: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    stream_samples: int = 0
    hung: list[str] = field(default_factory=list)
    server_errors: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    over_limits: int = 0
    seen: set[str] = field(default_factory=set)
    trespasses: list[str] = field(default_factory=list)
    _open: dict[int, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def accept(self, noun: str, resource_id: str, recipe: Recipe | None = None) -> Promise:
        """Note that the service has accepted a resource."""
        promise = Promise(noun, resource_id, recipe)
        with self._lock:
            self.promises.append(promise)
        return promise

    def read_shard(self, stream: str, index: int, digest: str, num_samples: int) -> None:
        """Note the bytes that a stream gave for a shard."""
        with self._lock:
            self.stream_shards.setdefault((stream, index), set()).add(digest)
            self.stream_samples += num_samples

    def see(self, answer: str, asked: str = "") -> None:
        """Note the ids in an answer, but those that the call asked for: a refusal names them."""
        found = set(IDS.findall(answer)) - set(IDS.findall(asked))
        with self._lock:
            self.seen.update(found)

    def of(self, noun: str) -> list[Promise]:
        """Return the promises of one noun that no caller has deleted or tried to delete."""
        with self._lock:
            return [
                promise
                for promise in self.promises
                if promise.noun == noun and not promise.may_be_deleted
            ]

    @contextmanager
    def calling(self, call: str) -> Iterator[None]:
        """Mark a call as open during the block."""
        with self._lock:
            self._number += 1
            number = self._number
            self._open[number] = (call, time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._open[number]

    def open_calls(self, older_than: float) -> list[str]:
        """Return the calls that have waited for an answer for longer than this many seconds."""
        with self._lock:
            return [
                call for call, began in self._open.values() if time.monotonic() - began > older_than
            ]
