"""Promises of the links that the app signs itself."""

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
    """A good link to 2,560 bytes."""
    store.put(KEY, DATA)
    return link(client, store, timedelta(minutes=1))


def link(client: httpx2.Client, store: Store, ttl: timedelta) -> str:
    """A link as the app would sign it."""
    links = Links(str(client.base_url).rstrip("/"), store, SECRET, ttl)
    return links.file(Artefact(key=KEY, sha256="0" * 64, num_bytes=len(DATA))).url


def test_a_link_gives_the_object(client: httpx2.Client, url: str) -> None:
    """The bytes come whole, as a download that no browser will take for a page."""
    answer = client.get(url)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Content-Type"] == mimetypes.types_map[".tar"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=2550-", range(2550, 2560)),
        ("bytes=-5", range(2555, 2560)),
        ("bytes=2550-99999", range(2550, 2560)),
    ],
)
def test_a_range_gives_a_part(
    client: httpx2.Client, url: str, wanted: str, expected: range
) -> None:
    """A reader takes up where a download broke off."""
    answer = client.get(url, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == DATA[expected.start : expected.stop]
    span = f"bytes {expected.start}-{expected.stop - 1}/2560"
    assert answer.headers["Content-Range"] == span


def test_a_part_of_what_the_caller_has_is_given(client: httpx2.Client, url: str) -> None:
    """`If-Range` with the present tag: the part."""
    tag = client.head(url).headers["ETag"]
    answer = client.get(url, headers={"Range": "bytes=0-9", "If-Range": tag})
    assert (answer.status_code, answer.content) == (206, DATA[:10])


@pytest.mark.parametrize("held", ['"another"', 'W/"weak"', "Sat, 31 Jan 2026 12:00:00 GMT", ""])
def test_a_part_of_something_else_is_not_given(client: httpx2.Client, url: str, held: str) -> None:
    """`If-Range` with another tag, a weak one or a date: the whole, so that no download is put together of two."""
    for span in ("bytes=0-9", "bytes=9999-"):
        answer = client.get(url, headers={"Range": span, "If-Range": held})
        assert (answer.status_code, answer.content) == (200, DATA)


def test_a_weak_form_of_the_present_tag_is_not_enough(client: httpx2.Client, url: str) -> None:
    """A part may only be added to bytes that are the same."""
    tag = client.head(url).headers["ETag"]
    answer = client.get(url, headers={"Range": "bytes=0-9", "If-Range": f"W/{tag}"})
    assert answer.status_code == 200


def test_a_range_beyond_the_end_is_416(client: httpx2.Client, url: str) -> None:
    """The answer is a problem that says how long the object is."""
    answer = client.get(url, headers={"Range": "bytes=2560-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */2560")
    assert answer.json()["detail"].startswith("The object has 2560 bytes")


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "pages=1-2", "bytes=-", "nonsense", "bytes=-" + "9" * 5_000]
)
def test_other_ranges_give_the_whole(client: httpx2.Client, url: str, wanted: str) -> None:
    """What we do not serve in parts comes whole, as the RFC allows."""
    assert client.get(url, headers={"Range": wanted}).content == DATA


def test_an_object_that_is_known_is_not_sent_again(client: httpx2.Client, url: str) -> None:
    """With the tag of the last answer the next one is 304."""
    etag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304


def test_a_link_ends(client: httpx2.Client, url: str, store: Store) -> None:
    """After its time a link is refused, and says where to get a new one."""
    answer = client.get(link(client, store, timedelta(seconds=-2)))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_link")
    assert "expired" in answer.json()["detail"]


def test_a_link_is_for_one_object(client: httpx2.Client, url: str) -> None:
    """A signature is worth nothing for another object or another time."""
    assert client.get(url.replace("x.tar", "y.tar")).status_code == 403
    assert client.get(url.replace("expires=", "expires=9")).status_code == 403


def test_a_head_says_how_large_the_object_is(client: httpx2.Client, url: str) -> None:
    """Download tools ask so before they begin, and whether parts can be had."""
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(client.get(url).content))
    assert head.headers["Accept-Ranges"] == "bytes"


def test_what_is_deleted_is_gone(client: httpx2.Client, url: str, store: Store) -> None:
    """A good link to an object that was deleted since is 410."""
    store.delete(KEY)
    assert client.get(url).status_code == 410
