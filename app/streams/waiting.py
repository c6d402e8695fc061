"""The wait for a shard of a stream, and a stream as one tar."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import redis
from fastapi.concurrency import run_in_threadpool

from app import on_demand
from app.on_demand import MAX_WAIT_SECONDS
from app.services import Services
from app.streams import service
from contracts.base import Artefact
from contracts.batches import ShardRecord
from contracts.errors.tree import HandsOffError, ShardNotReady
from contracts.streams import StreamRequest, StreamShardRef
from state.on_demand.kinds import STREAM_SHARDS
from state.store import Store

_PAUSE_SECONDS = 1.0
"""The pause after a failure, before the shard is requested again."""
_BLOCK_BYTES = 512
_LAST_RECORD_BYTES = 10_240
"""A tar ends with two blocks of zeros, padded with zeros to a multiple of this size."""
END_OF_ARCHIVE = bytes(2 * _BLOCK_BYTES)


async def wait_for_shard(
    services: Services, request: StreamRequest, index: int, seconds: float
) -> ShardRecord:
    """Return the record of a shard, once it is rendered.

    Raises `ShardNotReady` after `seconds`, `ShardFailed`, and `Gone`.
    """
    shard = StreamShardRef(stream=request.ref, index=index)
    request_item = partial(service.request_shard, services, request, index)
    return await on_demand.wait(
        services, STREAM_SHARDS, shard, request_item=request_item, seconds=seconds
    )


async def endless_tar(
    services: Services, request: StreamRequest, shards: range, first: ShardRecord
) -> AsyncIterator[bytes]:
    """Yield the samples of some shards as one tar.

    `first` is the record of the first shard. Each further shard is requested once the previous one has been read.
    Raises `ShardNotReady` when the process stops, which closes the connection: the tar has no end, so it is not taken
    for a complete one.
    """
    for index in shards:
        if services.listener.is_stopping:
            raise ShardNotReady(request.id, index)
        record = (
            first if index == shards.start else await _wait_without_limit(services, request, index)
        )
        async for chunk in _contents(services.store, record.tar):
            yield chunk
    yield END_OF_ARCHIVE


async def _wait_without_limit(
    services: Services, request: StreamRequest, index: int
) -> ShardRecord:
    """Return the record of a shard, whatever time it takes. A temporary failure of any kind does not end the tar."""
    while True:
        try:
            return await wait_for_shard(services, request, index, MAX_WAIT_SECONDS)
        except (HandsOffError, redis.RedisError) as error:
            is_temporary = getattr(error, "retry_after_seconds", 1) is not None
            if services.listener.is_stopping or not is_temporary:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


async def _contents(store: Store, tar: Artefact) -> AsyncIterator[bytes]:
    """Yield a shard's tar without its end-of-archive record. Each chunk is read once the previous one is sent.

    One GET reads the whole shard, because some S3 servers (rclone) do not serve ranges reliably.
    """
    chunks, held = store.stream(tar.key), b""
    while chunk := await run_in_threadpool(next, chunks, b""):
        held += chunk
        if len(held) > _LAST_RECORD_BYTES:
            yield held[:-_LAST_RECORD_BYTES]
            held = held[-_LAST_RECORD_BYTES:]
    yield _without_end(held)


def _without_end(tail: bytes) -> bytes:
    """Return the tail of a tar without its zero blocks. The last file is JSON, so its content ends without zeros."""
    used = len(tail.rstrip(b"\0"))
    return tail[: -(-used // _BLOCK_BYTES) * _BLOCK_BYTES]
