"""The store, as a folder and in memory."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.errors.tree import StoreUnavailable
from state.settings import Settings
from state.store import Store


@pytest.fixture(params=["memory", "file"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store of each kind that needs no server."""
    if request.param == "memory":
        return Store.in_memory()
    return Store.from_settings(Settings(store_url=f"file://{tmp_path}/not/there/yet"))


@pytest.fixture
def s3_store() -> Store:
    """Return a store that can sign. No server listens at its address."""
    settings = {
        "store_url": "s3://bucket/below",
        "store_endpoint": "http://127.0.0.1:9",
        "store_access_key_id": "id",
        "store_secret_access_key": "secret",
        "store_allow_http": True,
    }
    return Store.from_settings(Settings.model_validate(settings))


def test_an_object_can_be_read(any_store: Store) -> None:
    """The bytes equal those that were put, whole and in part."""
    any_store.put("a/b.bin", b"0123456789")
    assert any_store.get("a/b.bin") == b"0123456789"
    assert any_store.get_range("a/b.bin", 2, 3) == b"234"


def test_a_large_object_is_read_in_chunks(any_store: Store) -> None:
    """The chunks together are the object, or the requested range."""
    data = bytes(range(256)) * 40_000
    any_store.put("a", io.BytesIO(data))
    assert b"".join(any_store.stream("a")) == data
    assert b"".join(any_store.chunks("a", range(5, 9_000_000))) == data[5:9_000_000]
    with pytest.raises(FileNotFoundError):
        next(any_store.stream("b"))


def test_a_path_is_put_as_its_content(any_store: Store, tmp_path: Path) -> None:
    """The object has the content of the file."""
    source = tmp_path / "source"
    source.write_bytes(b"content")
    any_store.put("a", source)
    assert any_store.get("a") == b"content"


def test_an_object_is_sent_while_it_is_written(any_store: Store) -> None:
    """It exists after the end of the block, and not before."""
    data = bytes(range(256)) * 4_096
    with any_store.sending("a") as target:
        for _ in range(20):
            target.write(data)
        assert any_store.head("a") is None
    assert any_store.get("a") == data * 20


def send_half(store: Store) -> None:
    """Send 20 MiB of an object, then fail."""
    with store.sending("a") as target:
        target.write(bytes(20 << 20))
        raise KeyError


def test_a_block_that_fails_leaves_no_object(any_store: Store, tmp_path: Path) -> None:
    """Neither an object nor a temporary file remains."""
    with pytest.raises(KeyError):
        send_half(any_store)
    assert list(any_store.list("")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_copy_survives_its_original(any_store: Store) -> None:
    """It has the same bytes, and a missing object cannot be copied."""
    any_store.put("a/b", b"content")
    any_store.copy("a/b", "c/d")
    any_store.delete("a/b")
    assert any_store.get("c/d") == b"content"
    with pytest.raises(FileNotFoundError):
        any_store.copy("a/b", "e")


def test_a_copy_in_a_folder_needs_no_space(tmp_path: Path) -> None:
    """Both names have one file, so a batch can be resumed on a full disk."""
    store = Store.from_settings(Settings(store_url=tmp_path.as_uri()))
    store.put("a", b"content")
    store.copy("a", "b/c")
    assert (tmp_path / "a").samefile(tmp_path / "b/c")


def test_put_replaces(any_store: Store) -> None:
    """A second put replaces the object."""
    any_store.put("a", b"old")
    any_store.put("a", b"new")
    assert any_store.get("a") == b"new"


def test_the_first_create_stays(any_store: Store) -> None:
    """A second create changes nothing and returns False."""
    assert any_store.create("a", b"first")
    assert not any_store.create("a", b"second")
    assert any_store.get("a") == b"first"


def test_a_missing_object(any_store: Store) -> None:
    """`head` returns None, and `get` raises `FileNotFoundError`."""
    assert any_store.head("a") is None
    with pytest.raises(FileNotFoundError):
        any_store.get("a")


def test_head_returns_the_size(any_store: Store) -> None:
    """The size is in bytes."""
    any_store.put("a", b"12345")
    head = any_store.head("a")
    assert head is not None
    assert head.num_bytes == 5


def test_list_matches_whole_segments(any_store: Store) -> None:
    """The list of `a/b` has the objects below it, and none of `a/bc`."""
    for key in ("a/b/1", "a/b/c/2", "a/bc/3"):
        any_store.put(key, b"")
    assert {info.key for info in any_store.list("a/b")} == {"a/b/1", "a/b/c/2"}


def test_children_are_the_folders_directly_below(any_store: Store) -> None:
    """They are sorted, and files are not among them."""
    for key in ("a/2/x", "a/1/x/y", "a/file"):
        any_store.put(key, b"")
    assert any_store.children("a") == ("1", "2")


def test_deleting_twice_is_no_error(any_store: Store) -> None:
    """The second delete does nothing."""
    any_store.put("a", b"")
    any_store.delete("a")
    any_store.delete("a")
    assert any_store.head("a") is None


def test_folders_and_memory_cannot_sign(any_store: Store) -> None:
    """`sign` returns None; the app signs its own link then."""
    assert any_store.sign("a", timedelta(minutes=1)) is None


def test_s3_signs(s3_store: Store) -> None:
    """The link of an S3 store contains the key and the lifetime."""
    link = s3_store.sign("a/b", timedelta(minutes=1))
    assert link is not None
    assert link.startswith("http://127.0.0.1:9/bucket/below/a/b?")
    assert "X-Amz-Expires=60" in link


def test_links_are_signed_for_the_public_endpoint() -> None:
    """The service uses the internal address; callers get links to the public one."""
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


def test_a_store_that_is_down_raises_store_unavailable(s3_store: Store) -> None:
    """The error names the key."""
    with pytest.raises(StoreUnavailable, match="'a'"):
        s3_store.get("a")
