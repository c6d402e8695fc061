"""A stream of a succeeded fit, and a stand-in for the worker that stores tars of numbered samples."""

import io
import tarfile
from collections.abc import Callable

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.batches import ShardRecord
from contracts.digests import sha256_of
from contracts.ids import DEFAULT_TENANT
from contracts.streams import StreamRef, StreamRequest, StreamShardRef
from state import keys, records
from state.ledger import Ledger
from state.on_demand.kinds import STREAM_SHARDS
from state.on_demand.ledger import OnDemandLedger
from state.store import Store

Render = Callable[[str, int], ShardRecord]


@pytest.fixture
def stream_id(client: httpx2.Client, finished_fit_id: str) -> str:
    """Return a stream with four samples per shard."""
    body = {"fit": finished_fit_id, "seed": 7, "shard_size": 4}
    answer = client.post("/v1/streams", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def write_shard() -> Callable[[range], bytes]:
    """Write the tar of some samples, in place of a worker."""
    return tar_of


@pytest.fixture
def render(store: Store, ledger: Ledger, write_shard: Callable[[range], bytes]) -> Render:
    """Store one shard and its record as a worker does, and release its claim."""

    def render(stream_id: str, index: int) -> ShardRecord:
        ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
        request = records.read(store, keys.stream_request(ref), StreamRequest)
        assert request is not None
        data = write_shard(request.samples(index))
        key = keys.shard_tar(ref, index, sha256_of(data))
        store.put(key, data)
        record = ShardRecord(
            index=index,
            tar=Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data)),
            num_samples=request.shard_size,
            num_candidates=request.shard_size,
            class_pixels=(1, 0, 0),
            class_images=(1, 0, 0),
            candidate_class_images=(1, 0, 0),
            mean_score=0.5,
            threshold=None,
            started_at=now(),
            finished_at=now(),
            render_seconds=0.1,
        )
        records.create(store, keys.shard_record(ref, index), record)
        shard = StreamShardRef(stream=ref, index=index)
        OnDemandLedger(ledger).release(STREAM_SHARDS.item(shard))
        return record

    return render


def tar_of(indices: range) -> bytes:
    """Return a shard with one file per sample."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for index in indices:
            # Several tar blocks, the last one not full.
            data = f'{{"index": {index}}}'.encode() * 400
            header = tarfile.TarInfo(f"{index:09d}.json")
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()
