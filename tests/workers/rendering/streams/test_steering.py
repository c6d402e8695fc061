"""Shards of a stream that answers, rendered in this process: plain before a report, pinned, and repeatable."""

import dataclasses
from collections.abc import Mapping

import pytest

from contracts.base import now
from contracts.batches import ShardRecord
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.recipes.pilots import PlainShares
from contracts.recipes.recipe import Filter, PinnedFit
from contracts.recipes.steering import Steering, version_after
from contracts.streams import StreamRequest
from models.targets.steering import POOL
from state import keys, records
from state.planning import needs_pilot, plain_shares_key
from state.steering.versions import SteeringVersions
from state.stream_readers import StreamReaders
from tests.workers.rendering.streams.test_streams import READ, files, render, request_stream
from tests.workers.scene import Scene
from tests.workers.shard_files import candidates
from workers.rendering import pilot_samples
from workers.runtime.micro_batches import MicroBatches

WEAK = {"left": 1.0, "right": 0.0}


@pytest.fixture
def scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a scene whose pilots have 64 samples."""
    monkeypatch.setattr(pilot_samples, "NUM_SAMPLES", 64)
    return scene


@pytest.fixture
def plain(scene: Scene) -> StreamRequest:
    """Return a stream without steering."""
    fit: FitRequest = scene.fit()
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    return request_stream(scene, PinnedFit(id=fit.id, digest=digest))


@pytest.fixture
def stream(scene: Scene, plain: StreamRequest) -> StreamRequest:
    """Return a stream of equal fields that answers, in segments of two shards."""
    return answering(scene, plain)


def answering(scene: Scene, plain: StreamRequest, **own: object) -> StreamRequest:
    """Store a stream that answers strongly, and note a reader."""
    fields = {"id": new_id("stream"), "steering": Steering(strength=3, every=2), **own}
    request = plain.model_copy(update=fields)
    records.write(scene.machine.store, keys.stream_request(request.ref), request)
    StreamReaders(scene.machine.ledger).note_request(request.ref, 0, READ)
    return request


def report(scene: Scene, stream: StreamRequest, losses: Mapping[str, float]) -> None:
    """Add a version, as the app does."""
    versions = SteeringVersions(scene.machine.store, scene.machine.ledger, stream.ref)
    versions.add(lambda latest: version_after(latest, losses, None, now()))


def rendered(
    scene: Scene, stream: StreamRequest, index: int
) -> tuple[ShardRecord, dict[str, bytes]]:
    """Render a shard; return its record and its files."""
    record = render(scene, stream, index)
    assert record is not None
    return record, files(scene, record)


def forget_shards(scene: Scene, stream: StreamRequest) -> None:
    """Delete all shards of a stream, as a sweep does."""
    for info in list(scene.machine.store.list(keys.shards_prefix(stream.ref))):
        scene.machine.store.delete(info.key)


def test_a_stream_is_plain_until_a_report_reaches_its_segment(
    scene: Scene, plain: StreamRequest, stream: StreamRequest
) -> None:
    """Its shards have the bytes of a stream without steering; later segments have other codes, and count them."""
    first, found = rendered(scene, stream, 0)
    assert found == files(scene, render(scene, plain, 0))
    assert (first.steering_version, first.num_codes) == (0, None)
    report(scene, stream, WEAK)
    second, found = rendered(scene, stream, 1)  # of the first segment, which is pinned
    assert second.steering_version == 0
    assert found == files(scene, render(scene, plain, 1))
    third, found = rendered(scene, stream, 2)
    assert (third.steering_version, third.num_codes) == (1, 3 * POOL)
    assert candidates(found) != candidates(files(scene, render(scene, plain, 2)))


def test_weak_classes_become_more_frequent(
    scene: Scene, plain: StreamRequest, stream: StreamRequest
) -> None:
    """By the labels, over 24 samples."""
    report(scene, stream, WEAK)
    shares = []
    for request in (plain, stream):
        of_shards = [rendered(scene, request, index)[0].class_pixels for index in range(8)]
        shares.append(sum(one[0] for one in of_shards) / sum(sum(one) for one in of_shards))
    assert shares[1] > shares[0]


def test_a_shard_is_rendered_again_by_its_own_version(scene: Scene, stream: StreamRequest) -> None:
    """After a sweep, in another order, with other micro-batches and without Redis's memory, while reports go on."""
    report(scene, stream, WEAK)
    expected = {index: rendered(scene, stream, index)[1] for index in (2, 3)}
    report(scene, stream, {"left": 0.0, "right": 3.0})
    changed = rendered(scene, stream, 4)[1]
    forget_shards(scene, stream)
    scene.machine.ledger.redis.flushall()
    StreamReaders(scene.machine.ledger).note_request(stream.ref, 0, READ)
    other = Scene(dataclasses.replace(scene.machine, micro_batches=MicroBatches(2)))
    assert candidates(rendered(other, stream, 3)[1]) == candidates(expected[3])
    again = rendered(scene, stream, 2)[1]
    assert again == expected[2]
    assert rendered(scene, stream, 4)[1] == changed


def test_stored_versions_replay_in_another_stream(scene: Scene, stream: StreamRequest) -> None:
    """Request, versions and segments are all that a shard depends on."""
    report(scene, stream, WEAK)
    expected = rendered(scene, stream, 5)[1]
    copy = answering(scene, stream)
    prefix = f"{keys.stream_prefix(stream.ref)}/steering"
    for info in list(scene.machine.store.list(prefix)):
        target = info.key.replace(stream.id, copy.id)
        scene.machine.store.put(target, scene.machine.store.get(info.key))
    report(scene, copy, {"left": 0.0, "right": 9.0})
    assert rendered(scene, copy, 5)[1] == expected


def test_a_filter_still_drops_candidates(scene: Scene, plain: StreamRequest) -> None:
    """A dropped candidate is followed by one of the next pool."""
    stream = answering(scene, plain, filter=Filter(drop_share=0.5), shard_size=12)
    report(scene, stream, WEAK)
    record, found = rendered(scene, stream, 0)
    assert record.threshold is not None
    assert record.num_candidates > record.num_samples == 12
    pools = [attempt // POOL for _, _, attempt in candidates(found).values()]
    assert record.num_codes == sum(POOL * (pool + 1) for pool in pools)
    assert max(pools) > 0


def test_the_pilot_measures_plain_shares(scene: Scene, stream: StreamRequest) -> None:
    """Once; the look-ahead of the stream waits for it."""
    store = scene.machine.store
    assert needs_pilot(store, stream)
    rendered(scene, stream, 0)
    assert not needs_pilot(store, stream)
    plain = records.read(store, plain_shares_key(stream), PlainShares)
    assert plain is not None
    assert plain.num_samples == 64
    assert sum(plain.class_pixels) == pytest.approx(1.0, abs=1e-5)


def test_a_lost_version_is_reported(scene: Scene, stream: StreamRequest) -> None:
    """The stored state is damaged: the shard fails for good and is not rendered in another way."""
    report(scene, stream, WEAK)
    rendered(scene, stream, 0)
    forget_shards(scene, stream)
    for info in list(
        scene.machine.store.list(f"{keys.stream_prefix(stream.ref)}/steering/versions")
    ):
        scene.machine.store.delete(info.key)
    assert render(scene, stream, 0) is None
