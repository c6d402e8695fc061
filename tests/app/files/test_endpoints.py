"""Tests of downloads by links that the app signs."""

import mimetypes
from datetime import timedelta

import httpx2
import pytest

from app.http.links import Links
from contracts.base import Artefact
from state.store import Store
from tests.app.conftest import SECRET

KEY = "tenants/default/batches/b/shards/000000/x.tar"
DATA = bytes(range(256)) * 10


@pytest.fixture
def url(client: httpx2.Client, store: Store) -> str:
    """A valid link to 2,560 bytes."""
    store.put(KEY, DATA)
    return link(client, store, timedelta(minutes=1))


def link(client: httpx2.Client, store: Store, ttl: timedelta) -> str:
    """Return a link signed like the app does."""
    links = Links(str(client.base_url).rstrip("/"), store, SECRET, ttl)
    return links.file(Artefact(key=KEY, sha256="0" * 64, num_bytes=len(DATA))).url


def test_a_link_returns_the_object(client: httpx2.Client, url: str) -> None:
    """All bytes are returned, as an attachment that a browser does not render."""
    answer = client.get(url)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Content-Type"] == mimetypes.types_map[".tar"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=2550-", range(2550, 2560)),
        ("bytes=-5", range(2555, 2560)),
        ("bytes=2550-99999", range(2550, 2560)),
    ],
)
def test_a_range_returns_a_part(
    client: httpx2.Client, url: str, header: str, expected: range
) -> None:
    """A client can resume a download."""
    answer = client.get(url, headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == DATA[expected.start : expected.stop]
    span = f"bytes {expected.start}-{expected.stop - 1}/2560"
    assert answer.headers["Content-Range"] == span


def test_if_range_with_the_current_etag_returns_the_part(client: httpx2.Client, url: str) -> None:
    """`If-Range` with the current ETag returns the range."""
    tag = client.head(url).headers["ETag"]
    answer = client.get(url, headers={"Range": "bytes=0-9", "If-Range": tag})
    assert (answer.status_code, answer.content) == (206, DATA[:10])


@pytest.mark.parametrize("if_range", ['"another"', 'W/"weak"', "Sat, 31 Jan 2026 12:00:00 GMT", ""])
def test_if_range_with_another_value_returns_the_whole(
    client: httpx2.Client, url: str, if_range: str
) -> None:
    """Another ETag, a weak one or a date returns all bytes, so that no download mixes two versions."""
    for span in ("bytes=0-9", "bytes=9999-"):
        answer = client.get(url, headers={"Range": span, "If-Range": if_range})
        assert (answer.status_code, answer.content) == (200, DATA)


def test_if_range_with_the_weak_current_etag_returns_the_whole(
    client: httpx2.Client, url: str
) -> None:
    """A weak ETag does not prove equal bytes, which a range requires."""
    tag = client.head(url).headers["ETag"]
    answer = client.get(url, headers={"Range": "bytes=0-9", "If-Range": f"W/{tag}"})
    assert answer.status_code == 200


def test_a_range_beyond_the_end_is_416(client: httpx2.Client, url: str) -> None:
    """The problem names the object's size."""
    answer = client.get(url, headers={"Range": "bytes=2560-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */2560")
    assert answer.json()["detail"].startswith("Expected a range of the object's 2560 bytes")


@pytest.mark.parametrize(
    "header", ["bytes=0-1,5-6", "pages=1-2", "bytes=-", "nonsense", "bytes=-" + "9" * 5_000]
)
def test_other_ranges_give_the_whole(client: httpx2.Client, url: str, header: str) -> None:
    """Unsupported ranges return all bytes, as the RFC allows."""
    assert client.get(url, headers={"Range": header}).content == DATA


def test_an_unchanged_object_is_not_sent_again(client: httpx2.Client, url: str) -> None:
    """A request with the current ETag gets 304."""
    etag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304


def test_a_link_expires(client: httpx2.Client, url: str, store: Store) -> None:
    """An expired link gets 403."""
    answer = client.get(link(client, store, timedelta(seconds=-2)))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_link")
    assert "expired" in answer.json()["detail"]


def test_a_link_is_valid_for_one_object(client: httpx2.Client, url: str) -> None:
    """A signature is invalid for another object or another expiry time."""
    assert client.get(url.replace("x.tar", "y.tar")).status_code == 403
    assert client.get(url.replace("expires=", "expires=9")).status_code == 403


def test_a_head_has_the_size_of_the_object(client: httpx2.Client, url: str) -> None:
    """Download tools check the size and the support of ranges first."""
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(client.get(url).content))
    assert head.headers["Accept-Ranges"] == "bytes"


def test_a_deleted_object_is_gone(client: httpx2.Client, url: str, store: Store) -> None:
    """A valid link to a deleted object gets 410."""
    store.delete(KEY)
    assert client.get(url).status_code == 410
