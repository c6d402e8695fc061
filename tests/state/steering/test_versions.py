"""Promises of `state.steering.versions`: no report is lost, and a segment keeps its version."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.recipes.steering import SteeringVersion, version_after
from contracts.streams import StreamRef
from state import redis_keys
from state.ledger import Ledger
from state.steering import paths, versions
from state.steering.versions import SteeringVersions
from state.store import Store


@dataclass(frozen=True)
class Careless(Store):
    """A bucket of a server that ignores the condition of a create."""

    def create(self, key: str, data: bytes) -> bool:
        """Write the object, also over another one that was created since the last look."""
        if self.head(key) is not None:
            return False
        self.put(key, data)
        return True


@pytest.fixture
def stream() -> StreamRef:
    """Return the reference of a stream."""
    return StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))


@pytest.fixture(params=["conditional", "careless"])
def steering(request: pytest.FixtureRequest, ledger: Ledger, stream: StreamRef) -> SteeringVersions:
    """Return the versions of a stream without any, in both kinds of store."""
    store = Store.in_memory()
    store = store if request.param == "conditional" else Careless(store.objects)
    return SteeringVersions(store, ledger, stream)


def add(steering: SteeringVersions, name: str) -> SteeringVersion:
    """Add a report about one class."""
    added = steering.add(lambda latest: version_after(latest, {name: 1.0}, None, now()))
    assert added is not None
    return added


def test_no_concurrent_report_is_lost(steering: SteeringVersions) -> None:
    """Twelve threads make twelve versions, and the last one has all classes."""
    names = [f"class-{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        numbers = [version.version for version in pool.map(lambda name: add(steering, name), names)]
    assert sorted(numbers) == list(range(1, 13))
    latest = steering.latest()
    assert latest is not None
    assert set(latest.losses) == set(names)


def test_concurrent_workers_pin_one_version(steering: SteeringVersions) -> None:
    """While reports go on, all readers of a segment get the same version, and get it for ever."""
    with ThreadPoolExecutor(8) as pool:
        reports = [pool.submit(add, steering, "hat") for _ in range(8)]
        pins = [pool.submit(steering.of_segment, 3) for _ in range(8)]
    assert all(one.result() for one in reports)
    pinned = {one.result() for one in pins}
    assert len(pinned) == 1
    assert steering.of_segment(3) in pinned
    assert steering.of_segment(4) == 8


@pytest.mark.parametrize("hint", [None, "1"], ids=["lost", "old"])
def test_the_store_knows_the_latest_version(
    steering: SteeringVersions, ledger: Ledger, stream: StreamRef, hint: str | None
) -> None:
    """The store has the versions that Redis has lost, or knows an older one of."""
    for _ in range(3):
        add(steering, "hat")
    key = redis_keys.steering_version(stream)
    ledger.redis.delete(key)
    if hint is not None:
        ledger.redis.set(key, hint)
    latest = steering.latest()
    assert latest is not None
    assert latest.version == 3


@pytest.mark.parametrize("is_remembered", [True, False], ids=["with Redis", "without"])
def test_torn_objects_are_replaced(
    ledger: Ledger, stream: StreamRef, *, is_remembered: bool
) -> None:
    """A failed disk left half a version and half a pin: neither was ever used."""
    store = Store.in_memory()
    steering = SteeringVersions(store, ledger, stream)
    add(steering, "hat")
    store.put(paths.version(stream, 2), b'{"version": ')
    store.put(paths.segment(stream, 0), b"")
    if not is_remembered:
        ledger.redis.delete(redis_keys.steering_version(stream))
    assert steering.of_segment(0) == 1
    assert add(steering, "hair").version == 2
    assert steering.latest() == steering.get(2)
    assert steering.of_segment(0) == 1


def test_a_segment_before_the_first_report_is_plain(steering: SteeringVersions) -> None:
    """A later report does not change it."""
    assert steering.latest() is None
    assert steering.of_segment(0) == 0
    add(steering, "hat")
    assert steering.of_segment(0) == 0


def test_the_lock_of_a_killed_writer_ends(
    steering: SteeringVersions, ledger: Ledger, stream: StreamRef
) -> None:
    """Others wait for longer than it lasts."""
    assert versions.PATIENCE > versions.LOCK_TTL
    assert ledger.try_lock(f"steering:{stream}", "killed", versions.LOCK_TTL / 300)
    assert add(steering, "hat").version == 1
