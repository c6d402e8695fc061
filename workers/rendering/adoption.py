"""Adopts the finished shards of an earlier batch: a batch that resumes another one copies them instead of rendering.

The copy belongs to the new batch, so the earlier one can be deleted at any time. In a folder it is a hard link that
needs no space; a bucket copies inside itself. A shard that is gone is rendered.
"""

import structlog

from contracts.base import Artefact
from contracts.batches import BatchRequest, ShardRecord
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef
from state import keys, records
from state.store import Store

log = structlog.get_logger()


def adopt_shard(store: Store, request: BatchRequest, index: int) -> ShardRecord | None:
    """Copy a shard of the batches that a request resumes; return its record, or None if none of them has it."""
    for batch_id in request.resumes:
        earlier = JobRef(tenant=request.tenant, id=batch_id)
        key = keys.shard_record(earlier, index)
        found = records.read_intact(store, key, ShardRecord)
        if found is None or found.num_samples != len(request.samples(index)):
            continue
        tar = _copy(store, found.tar, keys.shard_tar(request.ref, index, uuid7_hex()))
        if tar is not None:
            log.info("shard adopted", batch=str(request.ref), shard=index, source=batch_id)
            return found.model_copy(update={"tar": tar})
    return None


def _copy(store: Store, tar: Artefact, key: str) -> Artefact | None:
    """Copy a tar. Returns None when it is gone, or its size differs from the recorded one."""
    info = store.head(tar.key)
    if info is None or info.num_bytes != tar.num_bytes:
        return None
    try:
        store.copy(tar.key, key)
    except FileNotFoundError:  # deleted meanwhile
        return None
    return tar.model_copy(update={"key": key})
