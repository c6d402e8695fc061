"""The steering state of one stream: versions that reports add, and the version of each segment of shards.

The store decides. Both kinds of object are created and never overwritten. Some S3 servers ignore the condition of a
create, so a lock in Redis keeps two writers apart there. Every method may raise `redis.RedisError`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from contracts.errors.tree import Unavailable
from contracts.ids import uuid7_hex
from contracts.kinds import RETENTION
from contracts.recipes.steering import PLAIN, SteeringSegment, SteeringVersion, number_after
from contracts.streams import StreamRef
from state import records, redis_keys
from state.ledger import Ledger
from state.steering import paths
from state.store import Store

LOCK_TTL = timedelta(seconds=30)
"""How long a writer that was killed blocks the others. A write takes milliseconds."""
PATIENCE = timedelta(seconds=40)
"""How long a writer waits for the others: longer than the lock of a killed one."""
_PAUSE_SECONDS = 0.02

Advance = Callable[[SteeringVersion | None], SteeringVersion | None]
"""Returns the version after the latest one, which is None before the first; None to add none."""


class SteeringVersions:
    """The versions and segments of one stream."""

    def __init__(self, store: Store, ledger: Ledger, stream: StreamRef) -> None:
        self._store, self._ledger, self._stream = store, ledger, stream

    def get(self, number: int) -> SteeringVersion | None:
        """Return one version, or None when there is none."""
        return records.read(self._store, paths.version(self._stream, number), SteeringVersion)

    def latest(self) -> SteeringVersion | None:
        """Return the latest version; None before the first report.

        Redis knows about where it is. Without that, the store lists the versions. A torn version is as good as none: no
        segment names it, and the next report replaces it.
        """
        key = redis_keys.steering_version(self._stream)
        hint = self._ledger.redis.get(key)
        number = int(hint) if isinstance(hint, str) else self._listed()
        found = self._intact(number) if number else None
        while (later := self._intact(number_after(found))) is not None:
            found = later
        if found is not None:
            self._ledger.redis.set(key, str(found.version), ex=RETENTION)
        return found

    def add(self, advance: Advance) -> SteeringVersion | None:
        """Add the version that `advance` returns. After a lost race it is called again with the newer latest one.

        Raises `Unavailable` if others write all the time, and what `advance` raises.
        """
        with self._locked():
            while True:
                version = advance(self.latest())
                if version is None:
                    return None
                key = paths.version(self._stream, version.version)
                if records.create(self._store, key, version) == version:
                    return version

    def of_segment(self, segment: int) -> int:
        """Return the version that decides a segment. The first call for it pins the latest one."""
        key = paths.segment(self._stream, segment)
        pinned = records.read_intact(self._store, key, SteeringSegment)
        if pinned is None:
            with self._locked():
                latest = self.latest()
                number = PLAIN if latest is None else latest.version
                pinned = records.create(self._store, key, SteeringSegment(version=number))
        return pinned.version

    def _intact(self, number: int) -> SteeringVersion | None:
        return records.read_intact(
            self._store, paths.version(self._stream, number), SteeringVersion
        )

    def _listed(self) -> int:
        numbers = [
            paths.parse_version(info.key)
            for info in self._store.list(paths.versions_prefix(self._stream))
        ]
        return max(numbers, default=PLAIN)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        name, owner = f"steering:{self._stream}", uuid7_hex()
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not self._ledger.try_lock(name, owner, LOCK_TTL):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Expected to write the steering state of '{self._stream.id}', but other requests write it all the"
                    " time. Retry in a few seconds, and report less often."
                )
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._ledger.unlock(name, owner)
