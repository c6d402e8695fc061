"""Tests of request ids and of the log line of each request."""

import asyncio
from http import HTTPStatus

import httpx2
from fastapi import Response
from structlog.testing import capture_logs

from app.http.request_ids import RequestIds


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
