"""Promises of request ids and of the log's line for each request."""

import asyncio
from http import HTTPStatus

import httpx2
from fastapi import Response
from structlog.testing import capture_logs

from app.http.request_ids import RequestIds


def test_a_sound_request_id_comes_back(client: httpx2.Client) -> None:
    """The caller's id is kept when it is plain text; anything else is replaced."""
    sent = {"X-Request-Id": "trace.7"}
    assert client.get("/livez", headers=sent).headers["X-Request-Id"] == "trace.7"
    odd = client.get("/livez", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert len(odd) == 32


def test_a_signature_is_never_logged() -> None:
    """The log says what was asked and what came of it, in plain numbers, but not the query of a signed link."""
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
