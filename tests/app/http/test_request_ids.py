"""Tests of request ids and of the log line of each request."""

import asyncio
from http import HTTPStatus

import httpx2
import pytest
from fastapi import Response
from structlog.testing import capture_logs

from app.http.request_ids import RequestIds
from contracts.batches import BatchRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, Origin
from state import records
from state.store import Store


def test_a_valid_request_id_is_returned(client: httpx2.Client) -> None:
    """A valid id of the caller is kept; an invalid one is replaced."""
    sent = {"X-Request-Id": "trace.7"}
    assert client.get("/livez", headers=sent).headers["X-Request-Id"] == "trace.7"
    replaced = client.get("/livez", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert len(replaced) == 32


def test_a_signature_is_never_logged() -> None:
    """The log line has method, path and status as a number, but not the query of a signed link."""
    app = httpx2.ASGITransport(RequestIds(Response(status_code=HTTPStatus.FORBIDDEN)))

    async def ask() -> None:
        async with httpx2.AsyncClient(transport=app, base_url="http://app") as client:
            await client.get("/v1/files/x.tar", params={"signature": "hush"})

    with capture_logs() as lines:
        asyncio.run(ask())
    (line,) = lines
    assert (line["event"], line["path"], line["status"]) == ("GET", "/v1/files/x.tar", 403)
    assert "hush" not in str(line)
    assert str(line["status"]) == repr(line["status"]) == "403"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "trace", ["", "x", TRACE.upper(), TRACE.replace("00f067aa0ba902b7", "0" * 16), f"{TRACE}-x"]
)
def test_only_a_valid_trace_is_returned(client: httpx2.Client, trace: str) -> None:
    """`traceparent` of W3C Trace Context, version 00."""
    assert client.get("/livez", headers={"traceparent": TRACE}).headers["traceparent"] == TRACE
    assert "traceparent" not in client.get("/livez", headers={"traceparent": trace}).headers


def test_a_job_knows_its_request(client: httpx2.Client, store: Store, finished_fit_id: str) -> None:
    """Its id and trace are stored with it, so they survive the loss of Redis."""
    headers = {"X-Request-Id": "mine", "traceparent": TRACE}
    body = {"fit": finished_fit_id, "n": 2}
    made = client.post("/v1/batches", json=body, headers=headers).json()
    ref = JobRef(tenant=DEFAULT_TENANT, id=made["id"])
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    assert request.origin == Origin(request_id="mine", traceparent=TRACE)
