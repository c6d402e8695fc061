"""Reads one JSON document of an identity provider: bounded in time and bytes, and without redirects."""

import json
import time
from http.client import HTTPException
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

MAX_DOCUMENT_BYTES = 256 * 1024
TIMEOUT_SECONDS = 5.0
"""The limit of one wait for the provider."""
TOTAL_SECONDS = 10.0
"""The limit of a whole body, however slowly it arrives."""
_CHUNK_BYTES = 16 * 1024


class IssuerError(Exception):
    """The provider does not answer, or its answer is not usable."""


def read_document(url: str, *, is_local: bool = False) -> dict[str, Any]:
    """Return the JSON object at an address. A local one is read without a proxy. Raises `IssuerError`."""
    try:
        data = _read(_opener(is_local), url)
        document = json.loads(data)
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise IssuerError(
            f"expected a JSON document at {url}, got {type(error).__name__}: {error}"
        ) from None
    if not isinstance(document, dict):
        raise IssuerError(f"expected a JSON object at {url}, got another value")
    return document


def _opener(is_local: bool) -> OpenerDirector:  # noqa: FBT001 - private
    """Return an opener for HTTP alone. It has no handler of redirects, so one is an error: it may lead anywhere."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler({} if is_local else None),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _read(opener: OpenerDirector, url: str) -> bytes:
    """Return the body of an answer. Raises `OSError` for another status, and `ValueError` beyond a limit."""
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - https, or http on loopback
    ends_at, data = time.monotonic() + TOTAL_SECONDS, bytearray()
    with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
        while chunk := answer.read1(_CHUNK_BYTES):
            data += chunk
            if len(data) > MAX_DOCUMENT_BYTES:
                raise ValueError(f"more than {MAX_DOCUMENT_BYTES} bytes")
            if time.monotonic() > ends_at:
                raise ValueError(f"a body that takes more than {TOTAL_SECONDS:.0f} s")
    return bytes(data)
