"""The wait for a shard of a stream, and the stream as one endless tar. Waiting holds neither a thread nor the loop."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from app.services import Services
from app.streams import service
from contracts.base import Artefact
from contracts.batches import ShardRecord
from contracts.errors.tree import ShardNotReady
from contracts.streams import StreamRequest
from state.store import Store

MAX_WAIT_SECONDS = 30

_BLOCK_BYTES = 512
_LAST_RECORD_BYTES = 10_240
"""A tar ends with two blocks of zeros, and more until its size is a multiple of this."""
END_OF_ARCHIVE = bytes(2 * _BLOCK_BYTES)


async def wait_for_shard(
    services: Services, request: StreamRequest, index: int, seconds: float
) -> ShardRecord:
    """The record of a shard, had rendered when it is not there.

    Raises `ShardNotReady` when it is not there after `seconds`, `ShardFailed`, and `Gone`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    last = await services.listener.newest(request.ref)  # before the look, so that no news is missed
    while True:
        record = await run_in_threadpool(service.ask, services, request, index)
        if record is not None:
            return record
        left = deadline - loop.time()
        if left <= 0:
            raise ShardNotReady(request.id, index)
        # It also comes back without news: a claim whose worker died was freed, or Redis has lost everything.
        last = await services.listener.news(request.ref, index, last, left)


async def endless_tar(
    services: Services, request: StreamRequest, shards: range, first: ShardRecord
) -> AsyncIterator[bytes]:
    """The samples of shard after shard as one tar. `first` is there; the others are asked for as they are reached."""
    for index in shards:
        record = first if index == shards.start else await _patiently(services, request, index)
        async for chunk in _contents(services.store, record.tar):
            yield chunk
    yield END_OF_ARCHIVE


async def _patiently(services: Services, request: StreamRequest, index: int) -> ShardRecord:
    while True:
        try:
            return await wait_for_shard(services, request, index, MAX_WAIT_SECONDS)
        except ShardNotReady:
            continue


async def _contents(store: Store, tar: Artefact) -> AsyncIterator[bytes]:
    """A shard without its end of archive. The next piece is read when the one before has been taken.

    In one GET: of some S3 servers (rclone's) a range cannot be relied on.
    """
    pieces, held = store.stream(tar.key), b""
    while piece := await run_in_threadpool(next, pieces, b""):
        held += piece
        if len(held) > _LAST_RECORD_BYTES:
            yield held[:-_LAST_RECORD_BYTES]
            held = held[-_LAST_RECORD_BYTES:]
    yield _without_end(held)


def _without_end(tail: bytes) -> bytes:
    """The last record up to where the zeros begin. The last file of a shard is JSON, so they are all of the end."""
    used = len(tail.rstrip(b"\0"))
    return tail[: -(-used // _BLOCK_BYTES) * _BLOCK_BYTES]
