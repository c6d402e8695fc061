"""Shards of batches with placeholder bytes, as workers store them."""

from contracts.base import Artefact, now
from contracts.batches import BatchRequest, ShardRecord
from contracts.digests import sha256_of
from state import keys
from state.store import Store


def stored_shard(store: Store, request: BatchRequest, index: int) -> ShardRecord:
    """Store placeholder bytes as a shard; return its record."""
    data = f"shard {index}".encode() * 100
    key = keys.shard_tar(request.ref, index, sha256_of(data))
    store.put(key, data)
    num_samples = len(request.samples(index))
    return ShardRecord(
        index=index,
        tar=Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data)),
        num_samples=num_samples,
        num_candidates=2 * num_samples,
        class_pixels=(10, 5, 1),
        class_images=(num_samples, num_samples, 1),
        candidate_class_images=(2 * num_samples, 2 * num_samples, 2),
        mean_score=0.5,
        threshold=None,
        started_at=now(),
        finished_at=now(),
        render_seconds=0.1,
    )
