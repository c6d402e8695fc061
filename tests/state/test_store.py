"""Promises of the store, kept by a folder and by memory alike."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.errors.tree import StoreUnavailable
from state.settings import Settings
from state.store import Store


@pytest.fixture(params=["memory", "file"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store that needs no server."""
    if request.param == "memory":
        return Store.in_memory()
    return Store.from_settings(Settings(store_url=f"file://{tmp_path}/not/there/yet"))


@pytest.fixture
def s3_store() -> Store:
    """A store that can sign; nothing listens at its address."""
    settings = {
        "store_url": "s3://bucket/below",
        "store_endpoint": "http://127.0.0.1:9",
        "store_access_key_id": "id",
        "store_secret_access_key": "secret",
        "store_allow_http": True,
    }
    return Store.from_settings(Settings.model_validate(settings))


def test_what_was_put_is_got(any_store: Store) -> None:
    """The bytes come back as they were, whole and in part."""
    any_store.put("a/b.bin", b"0123456789")
    assert any_store.get("a/b.bin") == b"0123456789"
    assert any_store.get_range("a/b.bin", 2, 3) == b"234"


def test_a_large_object_comes_in_pieces(any_store: Store) -> None:
    """All of it or a range of it: the pieces are the object."""
    data = bytes(range(256)) * 40_000
    any_store.put("a", io.BytesIO(data))
    assert b"".join(any_store.stream("a")) == data
    assert b"".join(any_store.chunks("a", range(5, 9_000_000))) == data[5:9_000_000]
    with pytest.raises(FileNotFoundError):
        next(any_store.stream("b"))


def test_a_file_is_put_by_its_path(any_store: Store, tmp_path: Path) -> None:
    """A path is sent as the file's content."""
    source = tmp_path / "source"
    source.write_bytes(b"content")
    any_store.put("a", source)
    assert any_store.get("a") == b"content"


def test_an_object_is_sent_while_it_is_made(any_store: Store) -> None:
    """In parts; it is there once it is whole, and not before."""
    data = bytes(range(256)) * 4_096
    with any_store.sending("a") as target:
        for _ in range(20):
            target.write(data)
        assert any_store.head("a") is None
    assert any_store.get("a") == data * 20


def send_half(store: Store) -> None:
    """20 MiB of an object that never becomes whole."""
    with store.sending("a") as target:
        target.write(bytes(20 << 20))
        raise KeyError


def test_what_is_not_whole_is_not_there(any_store: Store, tmp_path: Path) -> None:
    """A block that fails leaves no object and no part of one."""
    with pytest.raises(KeyError):
        send_half(any_store)
    assert list(any_store.list("")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_put_replaces(any_store: Store) -> None:
    """A put wins over what was there."""
    any_store.put("a", b"old")
    any_store.put("a", b"new")
    assert any_store.get("a") == b"new"


def test_the_first_creation_stands(any_store: Store) -> None:
    """A second creation changes nothing and says so."""
    assert any_store.create("a", b"first")
    assert not any_store.create("a", b"second")
    assert any_store.get("a") == b"first"


def test_what_is_not_there_is_missing(any_store: Store) -> None:
    """A missing object has no head, and reading it is `FileNotFoundError`."""
    assert any_store.head("a") is None
    with pytest.raises(FileNotFoundError):
        any_store.get("a")


def test_head_knows_the_size(any_store: Store) -> None:
    """The head says how many bytes there are."""
    any_store.put("a", b"12345")
    head = any_store.head("a")
    assert head is not None
    assert head.num_bytes == 5


def test_list_goes_by_whole_segments(any_store: Store) -> None:
    """Listing `a/b` finds what is below it, and not `a/bc`."""
    for key in ("a/b/1", "a/b/c/2", "a/bc/3"):
        any_store.put(key, b"")
    assert {found.key for found in any_store.list("a/b")} == {"a/b/1", "a/b/c/2"}


def test_children_are_the_next_names(any_store: Store) -> None:
    """Children are the folders directly below, sorted, and not the files."""
    for key in ("a/2/x", "a/1/x/y", "a/file"):
        any_store.put(key, b"")
    assert any_store.children("a") == ("1", "2")


def test_deleting_twice_is_no_error(any_store: Store) -> None:
    """Delete means gone, whether it was there or not."""
    any_store.put("a", b"")
    any_store.delete("a")
    any_store.delete("a")
    assert any_store.head("a") is None


def test_folders_and_memory_cannot_sign(any_store: Store) -> None:
    """Without a server there is no link; the app serves its own."""
    assert any_store.sign("a", timedelta(minutes=1)) is None


def test_s3_signs(s3_store: Store) -> None:
    """An S3 store makes a link that names the object and its own end."""
    link = s3_store.sign("a/b", timedelta(minutes=1))
    assert link is not None
    assert link.startswith("http://127.0.0.1:9/bucket/below/a/b?")
    assert "X-Amz-Expires=60" in link


def test_links_are_signed_for_where_callers_reach_the_store() -> None:
    """The service uses the inner address, and callers get links to the outer one."""
    settings = {
        "store_url": "s3://bucket",
        "store_endpoint": "http://inside:1",
        "store_public_endpoint": "http://outside:2",
        "store_access_key_id": "id",
        "store_secret_access_key": "secret",
        "store_allow_http": True,
    }
    store = Store.from_settings(Settings.model_validate(settings))
    link = store.sign("a", timedelta(minutes=1))
    assert link is not None
    assert link.startswith("http://outside:2/bucket/a?")


def test_a_store_that_is_away_is_an_error_of_ours(s3_store: Store) -> None:
    """When the server does not answer, the error names the key and is retryable."""
    with pytest.raises(StoreUnavailable, match="'a'"):
        s3_store.get("a")
