"""Shards of a stream, rendered in this process: reproducible, only for readers, and swept."""

import dataclasses
import io
import json
import tarfile
from datetime import timedelta

import pytest
from rq.exceptions import AbandonedJobError

from contracts.base import now
from contracts.batches import ShardRecord
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.recipes.recipe import RENDER_VERSION, Filter, PinnedFit
from contracts.streams import StreamRef, StreamRequest, StreamShardRef
from state import keys, records
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import Item, OnDemandLedger
from state.queues import open_queue, put
from state.settings import Settings
from state.stream_readers import StreamReaders
from tests.workers.scene import LABELS, Scene
from workers.rendering import batches, streams
from workers.runtime.artefacts import read_artefact
from workers.runtime.pulse import Drained
from workers.upkeep.reconcile import Reconciler

READ = timedelta(minutes=1)


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return scene.fit()


@pytest.fixture
def stream(scene: Scene, fit: FitRequest) -> StreamRequest:
    """Return a stream with a reader and three samples per shard."""
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    return request_stream(scene, PinnedFit(id=fit.id, digest=digest))


@pytest.fixture
def barren(scene: Scene) -> StreamRequest:
    """Return a stream whose fit is gone."""
    return request_stream(scene, PinnedFit(id=new_id("fit"), digest="0" * 64))


@pytest.fixture
def items(scene: Scene) -> OnDemandLedger:
    """Return the ledger of items."""
    return OnDemandLedger(scene.machine.ledger)


def request_stream(scene: Scene, fit: PinnedFit) -> StreamRequest:
    """Store a stream and note a reader, as the app does."""
    request = StreamRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("stream"),
        created_at=now(),
        fit=fit,
        seed=5,
        truncation=0.7,
        filter=None,
        image_format="png",
        shard_size=3,
        render_version=RENDER_VERSION,
        labels=LABELS,
    )
    records.write(scene.machine.store, keys.stream_request(request.ref), request)
    StreamReaders(scene.machine.ledger).note_request(request.ref, 0, READ)
    return request


def queue(scene: Scene, stream: StreamRequest, index: int) -> str:
    """Claim and queue a shard as the app does; return its id in the queue."""
    ledger = OnDemandLedger(scene.machine.ledger)
    shard = StreamShardRef(stream=stream.ref, index=index)
    call = STREAM_SHARDS.call(shard, ledger.next_number(str(stream.ref)))
    assert ledger.claim(STREAM_SHARDS.item(shard), call.rq_id)
    put(scene.machine.redis, call)
    return call.rq_id


def item(stream: StreamRef, index: int) -> Item:
    """Return the ledger's name of a shard."""
    return STREAM_SHARDS.item(StreamShardRef(stream=stream, index=index))


def render(scene: Scene, stream: StreamRequest, index: int) -> ShardRecord | None:
    """Render a shard as a worker does; return its record, or None when there is none."""
    shard = StreamShardRef(stream=stream.ref, index=index)
    streams.run_shard(scene.machine, str(shard), 1)
    return records.read(scene.machine.store, keys.shard_record(stream.ref, index), ShardRecord)


def files(scene: Scene, record: ShardRecord | None) -> dict[str, bytes]:
    """Return the files of a shard, checked against its digest."""
    assert record is not None
    with tarfile.open(fileobj=io.BytesIO(read_artefact(scene.machine.store, record.tar))) as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
    return {name: file.read() for name, file in members.items() if file is not None}


def test_any_shard_in_any_order_holds_the_samples_of_its_indices(
    scene: Scene, stream: StreamRequest, fit: FitRequest
) -> None:
    """The bytes equal those of a batch with the same seed, and the last shard can be the first to be rendered."""
    last = files(scene, render(scene, stream, stream.num_shards - 1))
    assert json.loads(last["999999998.json"])["index"] == 999_999_998
    first = files(scene, render(scene, stream, 0))
    batch = scene.request_batch(fit, n=3, shard_size=3)
    batches.run_shard(scene.machine, f"{batch.ref}/0", 1)
    assert scene.shard_files(batch) == first


def test_a_shard_is_rendered_once_and_its_claim_ends(
    scene: Scene, stream: StreamRequest, items: OnDemandLedger
) -> None:
    """A second call for the shard changes nothing."""
    queue(scene, stream, 4)
    first = render(scene, stream, 4)
    assert items.all_claims() == {}
    assert render(scene, stream, 4) == first


def test_a_shard_without_readers_is_not_rendered(
    scene: Scene, barren: StreamRequest, items: OnDemandLedger
) -> None:
    """A call that was queued for a reader who left is dropped."""
    queue(scene, barren, 0)
    scene.machine.ledger.redis.delete(f"handsoff:reading:{barren.ref}")
    assert render(scene, barren, 0) is None
    assert items.all_claims() == {}


def test_nothing_stays_of_a_deleted_stream(scene: Scene, barren: StreamRequest) -> None:
    """No shard is rendered after the tombstone, and the tar of a late worker is swept."""
    tombstone = keys.stream_tombstone(barren.ref)
    prefix, first = keys.stream_prefix(barren.ref), keys.stream_request(barren.ref)
    records.delete_objects(scene.machine.store, prefix, tombstone_key=tombstone, first=first)
    assert render(scene, barren, 0) is None
    scene.machine.store.put(keys.shard_tar(barren.ref, 0, "0" * 64), b"late")
    streams.sweep(scene.machine, barren.ref)
    assert [each.key for each in scene.machine.store.list(prefix)] == [tombstone]


def test_a_wrong_input_is_reported(
    scene: Scene, barren: StreamRequest, items: OnDemandLedger
) -> None:
    """At once and for days: a retry would not help."""
    queue(scene, barren, 0)
    assert render(scene, barren, 0) is None
    failure = items.failure(item(barren.ref, 0))
    assert failure is not None
    assert (failure.code, failure.retryable) == ("input_missing", False)
    assert items.all_claims() == {}


def test_a_machine_failure_is_reported_after_the_last_retry(
    scene: Scene, barren: StreamRequest, items: OnDemandLedger
) -> None:
    """For 30 seconds: the next request after that queues the shard again."""
    queue(scene, barren, 0)
    shard = StreamShardRef(stream=barren.ref, index=0)
    streams.fail_for_good(scene.machine, str(shard), AbandonedJobError())
    failure = items.failure(item(barren.ref, 0))
    assert failure is not None
    assert (failure.code, failure.retryable) == ("worker_lost", True)
    ttl_ms = scene.machine.ledger.redis.pttl(f"handsoff:on-demand:failure:{barren.ref}/0")
    assert 0 < ttl_ms <= 30_000


def test_a_draining_worker_gives_the_shard_back(
    scene: Scene, stream: StreamRequest, items: OnDemandLedger
) -> None:
    """The claim stays, because the call returns to the front of the queue."""
    queue(scene, stream, 0)
    scene.machine.pulse.drain()
    with pytest.raises(Drained):
        render(scene, stream, 0)
    assert list(items.all_claims()) == [item(stream.ref, 0)]


def test_the_claim_of_a_lost_call_is_freed(
    scene: Scene, barren: StreamRequest, items: OnDemandLedger
) -> None:
    """The reconciler frees it; a queued call keeps its claim."""
    kept, lost = queue(scene, barren, 1), queue(scene, barren, 2)
    open_queue(scene.machine.redis, "generate").remove(lost)
    hurried = Settings.model_validate(
        scene.machine.settings.model_dump() | {"heartbeat_interval": timedelta(0)}
    )
    Reconciler(dataclasses.replace(scene.machine, settings=hurried)).reconcile()
    claims = {each: claim.rq_id for each, claim in items.all_claims().items() if claim}
    assert claims == {item(barren.ref, 1): kept}


def test_a_filter_is_measured_with_the_first_shard(
    scene: Scene, stream: StreamRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream without readers needs no pilot."""
    monkeypatch.setattr("workers.rendering.pilot_samples.NUM_SAMPLES", 40)
    filtered = stream.model_copy(update={"filter": Filter(drop_share=0.5)})
    records.write(scene.machine.store, keys.stream_request(stream.ref), filtered)
    record = render(scene, filtered, 0)
    assert record is not None
    assert record.threshold is not None
    assert record.num_candidates >= record.num_samples


def test_a_swept_shard_is_rendered_the_same(scene: Scene, stream: StreamRequest) -> None:
    """The reconciler sweeps; the second rendering has the same bytes."""
    before = render(scene, stream, 0)
    render(scene, stream, 1)
    streams.sweep(scene.machine, stream.ref)
    assert len(list(scene.machine.store.list(keys.shards_prefix(stream.ref)))) == 4
    hurried = scene.machine.settings.model_copy(update={"stream_shard_ttl": timedelta(0)})
    Reconciler(dataclasses.replace(scene.machine, settings=hurried)).reconcile()
    assert list(scene.machine.store.list(keys.shards_prefix(stream.ref))) == []
    again = render(scene, stream, 0)
    assert before is not None
    assert again is not None
    assert again.tar.sha256 == before.tar.sha256


def test_the_number_of_kept_shards_is_limited() -> None:
    """The shards used last are kept; one that was just requested stays a little longer."""
    settings = Settings.model_validate({"stream_shards_kept": 2, "stream_shard_ttl": "PT1H"})
    at = now()
    used_at = {index: at - timedelta(minutes=index) for index in (0, 3, 20, 40, 90)}
    assert streams.shards_to_sweep(used_at, at, settings) == [20, 40, 90]
    all_new = dict.fromkeys(range(5), at)
    assert streams.shards_to_sweep(all_new, at, settings) == []
