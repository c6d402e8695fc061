"""The wait for a batch in another format. It holds neither a thread nor the loop."""

import asyncio

from fastapi.concurrency import run_in_threadpool

from app.exports import service
from app.services import Services
from contracts.errors.tree import ExportNotReady
from contracts.exports import ExportRecord, ExportRef

MAX_WAIT_SECONDS = 30
LOOK_SECONDS = 0.5
"""How often a request that waits looks whether the archive is there."""


async def wait_for_export(services: Services, ref: ExportRef, seconds: float) -> ExportRecord:
    """The record of an export, had made when it is not there.

    Raises `ExportNotReady` when it is not there after `seconds`, and what `service.ask` raises.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        record = await run_in_threadpool(service.ask, services, ref)
        if record is not None:
            return record
        left = deadline - loop.time()
        if left <= 0:
            raise ExportNotReady(ref.batch.id, ref.variant)
        await asyncio.sleep(min(left, LOOK_SECONDS))
