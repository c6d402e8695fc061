"""Shards of a stream, rendered in this process: the same samples whenever, nothing without a reader, and the sweep."""

import dataclasses
import io
import json
import tarfile
from datetime import timedelta

import pytest
from rq.exceptions import AbandonedJobError

from contracts.base import now
from contracts.batches import RENDER_VERSION, Filter, PinnedFit, ShardRecord
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.streams import StreamRequest, StreamShardRef
from state import keys, records
from state.queues import stream_call
from state.settings import Settings
from state.stream_ledger import StreamLedger
from tests.workers.scene import LABELS, Scene
from workers.rendering import batches, streams
from workers.runtime.artefacts import read_artefact
from workers.runtime.pulse import Drained
from workers.runtime.queues import open_queue, put
from workers.upkeep.reconcile import Reconciler

READ = timedelta(minutes=1)


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """A fit that has succeeded."""
    return scene.fit()


@pytest.fixture
def stream(scene: Scene, fit: FitRequest) -> StreamRequest:
    """A stream that somebody reads, with three samples in a shard."""
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    return ask_stream(scene, PinnedFit(id=fit.id, digest=digest))


@pytest.fixture
def barren(scene: Scene) -> StreamRequest:
    """A stream whose fit is gone."""
    return ask_stream(scene, PinnedFit(id=new_id("fit"), digest="0" * 64))


@pytest.fixture
def stream_ledger(scene: Scene) -> StreamLedger:
    """The streams' side of the ledger."""
    return StreamLedger(scene.machine.ledger)


def ask_stream(scene: Scene, fit: PinnedFit) -> StreamRequest:
    """What the app would have stored and noted."""
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
    StreamLedger(scene.machine.ledger).asked(request.ref, 0, READ)
    return request


def queue(scene: Scene, stream: StreamRequest, index: int) -> str:
    """Claims and queues a shard as the app does; returns its id in the queue."""
    ledger = StreamLedger(scene.machine.ledger)
    shard = StreamShardRef(stream=stream.ref, index=index)
    call = stream_call(shard, ledger.next_number(stream.ref))
    assert ledger.claim(stream.ref, index, call.rq_id)
    put(scene.machine.redis, call)
    return call.rq_id


def render(scene: Scene, stream: StreamRequest, index: int) -> ShardRecord | None:
    """One shard, as a worker renders it; its record, if there is one now."""
    shard = StreamShardRef(stream=stream.ref, index=index)
    streams.run_shard(scene.machine, str(shard), 1)
    return records.read(scene.machine.store, keys.shard_record(stream.ref, index), ShardRecord)


def files(scene: Scene, record: ShardRecord | None) -> dict[str, bytes]:
    """The files of a shard, checked against its digest."""
    assert record is not None
    with tarfile.open(fileobj=io.BytesIO(read_artefact(scene.machine.store, record.tar))) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
    return {name: file.read() for name, file in found.items() if file is not None}


def test_any_shard_in_any_order_holds_the_samples_of_its_indices(
    scene: Scene, stream: StreamRequest, fit: FitRequest
) -> None:
    """The same bytes as in a batch of the same seed, and the last shard is as near as the first."""
    last = files(scene, render(scene, stream, stream.num_shards - 1))
    assert json.loads(last["999999998.json"])["index"] == 999_999_998
    first = files(scene, render(scene, stream, 0))
    batch = scene.ask_batch(fit, n=3, shard_size=3)
    batches.run_shard(scene.machine, f"{batch.ref}/0", 1)
    assert scene.shard_files(batch) == first


def test_a_shard_is_rendered_once_and_its_claim_ends(
    scene: Scene, stream: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """A twin from the queue finds it there and tells whoever waits."""
    queue(scene, stream, 4)
    first = render(scene, stream, 4)
    assert stream_ledger.claims(stream.ref) == {}
    assert render(scene, stream, 4) == first


def test_nobody_reads_and_nothing_is_rendered(
    scene: Scene, barren: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """What was queued for a reader who has gone for long is let go."""
    queue(scene, barren, 0)
    scene.machine.ledger.redis.delete(f"handsoff:reading:{barren.ref}")
    assert render(scene, barren, 0) is None
    assert stream_ledger.claims(barren.ref) == {}


def test_a_deleted_stream_is_left_alone(scene: Scene, barren: StreamRequest) -> None:
    """After the tombstone nothing is written, and what a late worker wrote is swept."""
    tombstone = keys.stream_tombstone(barren.ref)
    prefix, first = keys.stream_prefix(barren.ref), keys.stream_request(barren.ref)
    records.delete_objects(scene.machine.store, prefix, tombstone_key=tombstone, first=first)
    assert render(scene, barren, 0) is None
    scene.machine.store.put(keys.shard_tar(barren.ref, 0, "0" * 64), b"late")
    streams.sweep(scene.machine, barren.ref)
    assert [found.key for found in scene.machine.store.list(prefix)] == [tombstone]


def test_a_wrong_input_is_told_to_whoever_waits(
    scene: Scene, barren: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """At once and for long: trying again would not help."""
    queue(scene, barren, 0)
    assert render(scene, barren, 0) is None
    failure = stream_ledger.failure(barren.ref, 0)
    assert failure is not None
    assert (failure.code, failure.retryable) == ("input_missing", False)
    assert stream_ledger.claims(barren.ref) == {}


def test_trouble_of_the_machine_is_told_after_the_last_try(
    scene: Scene, barren: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """For a moment only: then whoever asks has it tried again."""
    queue(scene, barren, 0)
    shard = StreamShardRef(stream=barren.ref, index=0)
    streams.fail_for_good(scene.machine, str(shard), AbandonedJobError())
    failure = stream_ledger.failure(barren.ref, 0)
    assert failure is not None
    assert (failure.code, failure.retryable) == ("worker_lost", True)
    lives = scene.machine.ledger.redis.pttl(f"handsoff:failure:{barren.ref}/0")
    assert 0 < lives <= 30_000


def test_a_draining_worker_gives_the_shard_back(
    scene: Scene, stream: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """The claim stays: the call goes back to the front of the queue."""
    queue(scene, stream, 0)
    scene.machine.pulse.drain()
    with pytest.raises(Drained):
        render(scene, stream, 0)
    assert list(stream_ledger.claims(stream.ref)) == [0]


def test_the_claim_of_a_lost_call_is_freed(
    scene: Scene, barren: StreamRequest, stream_ledger: StreamLedger
) -> None:
    """The reconciler knows what is in the queues: what stands there keeps its claim."""
    kept, lost = queue(scene, barren, 1), queue(scene, barren, 2)
    open_queue(scene.machine.redis, "generate").remove(lost)
    hurried = Settings.model_validate(
        scene.machine.settings.model_dump() | {"heartbeat_interval": timedelta(0)}
    )
    Reconciler(dataclasses.replace(scene.machine, settings=hurried)).reconcile()
    assert {index: claim.rq_id for index, claim in stream_ledger.claims(barren.ref).items()} == {
        1: kept
    }


def test_a_filter_is_measured_with_the_first_shard(
    scene: Scene, stream: StreamRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pilot is queued before somebody reads."""
    monkeypatch.setattr("workers.rendering.pilots.NUM_SAMPLES", 40)
    filtered = stream.model_copy(update={"filter": Filter(drop_share=0.5)})
    records.write(scene.machine.store, keys.stream_request(stream.ref), filtered)
    record = render(scene, filtered, 0)
    assert record is not None
    assert record.threshold is not None
    assert record.num_candidates >= record.num_samples


def test_what_nobody_asks_for_is_swept_and_rendered_the_same(
    scene: Scene, stream: StreamRequest
) -> None:
    """By the reconciler; its bytes are those from before."""
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


def test_only_so_many_shards_are_kept() -> None:
    """Those that were used last; what may be on its way to a reader stays a little longer."""
    settings = Settings.model_validate({"stream_shards_kept": 2, "stream_shard_ttl": "PT1H"})
    at = now()
    used_at = {index: at - timedelta(minutes=index) for index in (0, 3, 20, 40, 90)}
    assert streams.shards_to_sweep(used_at, at, settings) == [20, 40, 90]
    all_new = dict.fromkeys(range(5), at)
    assert streams.shards_to_sweep(all_new, at, settings) == []
