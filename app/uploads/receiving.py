"""One upload in a form: its slot in this process, and the tenant's limits of uploaded and stored bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from app.access.quotas import Work
from app.http.slow_bodies import RECEIVED_BYTES
from app.services import Services
from contracts.accounts.usage import Usage
from contracts.errors.tree import StoreUnavailable
from state.usage.notes import note


@asynccontextmanager
async def receiving(services: Services, tenant: str, request: Request) -> AsyncIterator[None]:
    """Hold a slot for the body of a request, until the response. The tenant's limits are checked before it is read.

    Afterwards all received bytes count, whatever they contain. Raises `Unavailable` without a free slot, and
    `QuotaExceeded`.
    """
    text = request.headers.get("Content-Length", "")
    num_bytes = int(text) if text.isdecimal() else 1  # unknown: refused once the limit is reached
    with services.uploads_in_flight.one():
        await run_in_threadpool(_admit, services, tenant, num_bytes)
        try:
            yield
        finally:
            received = getattr(request.state, RECEIVED_BYTES, 0)
            await run_in_threadpool(_count, services, tenant, received)


def _admit(services: Services, tenant: str, num_bytes: int) -> None:
    work = Work(upload_bytes=num_bytes, stored_bytes=num_bytes)
    services.tenants.admit_work(tenant, work, services.store)


def _count(services: Services, tenant: str, num_bytes: int) -> None:
    with suppress(StoreUnavailable):  # the upload itself has failed, too
        note(services.store, tenant, Usage(uploaded_bytes=num_bytes))
