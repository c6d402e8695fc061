"""Batches as workers finish them: shards of small samples with known facts."""

import io
import json
import tarfile
from collections.abc import Callable

import httpx2

from contracts.base import Artefact, now
from contracts.batches import BatchRequest, ShardRecord, batch_manifest
from contracts.digests import sha256_of
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import keys, records
from state.ledger import Ledger
from state.store import Store
from tests.app.uploading import halves, png

Render = Callable[..., str]
"""Create a batch with the options of its request, render it, and return its id."""


def facts_of(index: int) -> dict[str, object]:
    """Return what a sample says about itself: odd ones have the second class, and each is more uncertain."""
    fractions = {"skin": 0.5 * (index % 2 == 0), "hair": 0.5 * (index % 2)}
    score = 0.25 + index / 100 if index > 4 else 0.25
    return {"seed": 1, "index": index, "score": score, "class_fractions": fractions}


def shard_of(indices: range) -> bytes:
    """Return a tar of samples of 8 x 8 px as workers write it: red images, the lower half is of class 1 or 2."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for index in indices:
            files = {
                "png": png("RGB", (8, 8), (200, index, 0)),
                "mask.png": halves((8, 8), 1 + index % 2),
                "uncertainty.png": png("L", (8, 8), 80),
                "json": json.dumps(facts_of(index)).encode(),
            }
            for extension, data in files.items():
                header = tarfile.TarInfo(f"{index:09d}.{extension}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def render_batch(
    client: httpx2.Client,
    store: Store,
    ledger: Ledger,
    body: dict[str, object],
    *,
    tenant: str = DEFAULT_TENANT,
    headers: dict[str, str] | None = None,
) -> str:
    """Create a batch, render its shards in place of a worker, and return its id."""
    batch_id = str(client.post("/v1/batches", json=body, headers=headers).json()["id"])
    ref = JobRef(tenant=tenant, id=batch_id)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    shards = {}
    for index in range(request.num_shards):
        data = shard_of(request.samples(index))
        key = keys.shard_tar(ref, index, sha256_of(data))
        store.put(key, data)
        shards[index] = ShardRecord(
            index=index,
            tar=Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data)),
            num_samples=len(request.samples(index)),
            num_candidates=len(request.samples(index)),
            class_pixels=(1, 1, 1),
            class_images=(1, 1, 1),
            candidate_class_images=(1, 1, 1),
            mean_score=0.5,
            threshold=None,
            started_at=now(),
            finished_at=now(),
            render_seconds=0.1,
        )
    records.finish(store, ledger, ref, batch_manifest(request, shards))
    return batch_id
