"""Tests of every address: wrong methods, hostile paths, ids and queries."""

import re
import socket

import httpx2
import pytest

from app.main import create_app
from app.openapi.document import operations
from contracts.ids import new_id
from state.settings import Settings
from state.store import Store

DOCUMENT = create_app(Settings(), Store.in_memory()).openapi()
PREFIXES = set(re.findall(r"{(\w+)_id}", " ".join(DOCUMENT["paths"])))
IDS = {f"{prefix}_id": new_id(prefix) for prefix in PREFIXES} | {"generator_id": "tiny-32"}
PATHS = {path: path.format(**IDS, key="x", shard=0) for path in DOCUMENT["paths"]}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def allowed_methods(path: str) -> set[str]:
    """Return the documented methods of an address, and HEAD if GET is one of them."""
    methods = {method.upper() for method in DOCUMENT["paths"][path]}
    return methods | ({"HEAD"} if "GET" in methods else set())


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused(client: httpx2.Client, path: str) -> None:
    """405 as a problem; `Allow` has every method of the address, also if two routes share it."""
    for method in set(METHODS) - allowed_methods(path):
        answer = client.request(method, PATHS[path])
        assert answer.status_code == 405, method
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert set(answer.headers["Allow"].split(", ")) == allowed_methods(path)
        assert method == "HEAD" or answer.json()["code"] == "method_not_allowed"


def test_an_address_with_two_routes_allows_both(client: httpx2.Client) -> None:
    """FastAPI by itself names the methods of one route only."""
    assert client.put("/v1/fits").headers["Allow"] == "GET, HEAD, POST"
    one = client.put(f"/v1/fits/{new_id('fit')}")
    assert one.headers["Allow"] == "DELETE, GET, HEAD"


@pytest.mark.parametrize(
    "path", [path for path in PATHS if "GET" in allowed_methods(path) and "live" not in path]
)
def test_head_is_get_without_a_body(client: httpx2.Client, path: str) -> None:
    """HEAD has the status and type of GET and no body."""
    address = f"{PATHS[path]}?wait=0&format=coco"
    got, headed = client.get(address), client.head(address)
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]


NOWHERE = [
    *(
        "//",
        "//v1",
        "//v1/fits",
        "/v1",
        "/v1/",
        "/v1//fits",
        "/v1/fits/",
        "/v1/fits//",
        "/v1/Fits",
    ),
    *(
        "/v1/fits/x/y/z",
        "/v1/%00",
        "/v1/fits%00",
        "/v1/fits%2F",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/../v1/x",
    ),
    *("/v1/fits;a=1", "/%ED%95%9C", "/v1/%ff%fe", "/v1/%ED%A0%80", "/[", "//[", "/v1/fits/%5B"),
    *("/" + "a" * 8_000, "/livez/", "/readyz/x", "/docs/", "/openapi.json/"),
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_problem(client: httpx2.Client, method: str) -> None:
    """An unknown or malformed path gives 4xx, never a redirect or 5xx."""
    for path in NOWHERE:
        answer = client.request(method, httpx2.URL(str(client.base_url), raw_path=path.encode()))
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json", path


def test_a_trailing_slash_is_reported(client: httpx2.Client) -> None:
    """The message asks to remove the slash."""
    assert client.get("/v1/fits/").json()["detail"].endswith("Remove the trailing slash.")


IDENTIFIERS = [
    *(
        "%00",
        "x%00",
        "a%2Fb",
        "%2e%2e",
        "..%2F..",
        "%ff",
        "%ED%A0%80",
        "x" * 5_000,
        "%E2%80%AE",
        "'--",
    ),
    *("{}", "%0d%0aX:1", "-1", "1e9", "9" * 400),
]


@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path])
def test_a_hostile_id_is_a_problem(client: httpx2.Client, path: str) -> None:
    """A malformed id or number gives 4xx for every method of the address."""
    for bad in IDENTIFIERS:
        hostile = bad.join(re.split(r"\{\w+\}", path))
        for method in allowed_methods(path) - {"HEAD"}:
            answer = client.request(
                method, httpx2.URL(str(client.base_url), raw_path=hostile.encode())
            )
            assert 400 <= answer.status_code < 500, (method, bad, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json", (method, bad)


QUERIES = [
    "limit=abc", "limit=", "limit=0", "limit=-1", "limit=1e3", "limit=" + "9" * 5_000, "limit=101", "limit=1&limit=x",
    "after=%00", "after=" + "x" * 7_000, "after=%ff", "after=%E2%80%AE", "after=AAAA", "after=a", "after=%ED%A0%80",
    "status=nonsense", "status=%00", "status=", "unknown=1", "limit=NaN", "limit=%F0%9F%98%80",
    "start=-1", "start=x", "shards=0", "wait=-1", "wait=31", "wait=x", "format=%00", "format=tfrecord",
]  # fmt: skip


def has_query(path: str) -> bool:
    """Return whether GET has query parameters; endless event streams are left out."""
    parameters = DOCUMENT["paths"][path].get("get", {}).get("parameters", ())
    return "live" not in path and any(one["in"] == "query" for one in parameters)


@pytest.mark.parametrize("path", [path for path in PATHS if has_query(path)])
def test_a_hostile_query_gives_no_5xx(client: httpx2.Client, path: str) -> None:
    """A hostile query is refused as a problem, or ignored if the address has no such parameter."""
    for query in QUERIES:
        answer = client.get(f"{PATHS[path]}?{query}")
        assert answer.status_code < 500, (query, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", query


@pytest.mark.parametrize(
    "query", [one for one in QUERIES if one.startswith(("limit", "after", "status"))]
)
def test_a_list_refuses_an_invalid_query(client: httpx2.Client, query: str) -> None:
    """The error names the parameter."""
    if query == "limit=1&limit=x":
        pytest.skip("the last value wins")
    answer = client.get(f"/v1/fits?{query}")
    assert answer.status_code == 422 or (answer.status_code, query) == (200, "after=")
    assert (
        not answer.json().get("errors")
        or answer.json()["errors"][0]["pointer"] == query.partition("=")[0]
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}",
        b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{}",
        b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/fits HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/fits HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/fits HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/v1/fits HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)  # fmt: skip
def test_a_malformed_request_gives_no_5xx(client: httpx2.Client, raw: bytes) -> None:
    """A wrong length, two hosts or none give 4xx or no response, and the next request works."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 5) as wire:
        wire.sendall(raw)
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := wire.recv(65_536):
            answer += chunk
    assert not answer or answer.split(b" ", 2)[1].startswith(b"4"), answer
    assert client.get("/livez").status_code == 200


def test_the_document_lists_operations() -> None:
    """The tests above cover all operations."""
    assert len(list(operations(DOCUMENT))) > 45
