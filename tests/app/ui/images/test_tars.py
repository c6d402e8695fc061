"""Samples are found in a shard by ranges of bytes."""

import io
import tarfile

import pytest

from app.ui.images.tars import ShardIndexes, index_shard
from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.errors.tree import RecordDamaged
from state.store import Store


def stored(store: Store, data: bytes) -> Artefact:
    """Store a shard."""
    store.put("shard.tar", data)
    return Artefact(key="shard.tar", sha256=sha256_of(data), num_bytes=len(data))


def tar_of(**files: bytes) -> bytes:
    """Return a tar of files; two underscores in a name stand for a dot."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            header = tarfile.TarInfo(name.replace("__", "."))
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("num_bytes", [0, 1, 512, 70_000])
def test_every_file_is_found(store: Store, num_bytes: int) -> None:
    """Files of any size have their place, also beyond the window that is read at once."""
    files = {"a__png": b"a" * num_bytes, "a__mask__png": b"m", "b__png": b"b" * num_bytes}
    tar = stored(store, tar_of(**files))
    index = index_shard(store, tar)
    assert {key: set(found.extents) for key, found in index.items()} == {
        "a": {"png", "mask.png"},
        "b": {"png"},
    }
    start, length = index["b"].extents["png"]
    assert length == num_bytes
    assert num_bytes == 0 or store.get_range(tar.key, start, length) == b"b" * num_bytes


def test_a_shard_is_indexed_once(store: Store) -> None:
    """A shard never changes, so its positions are kept: the object is not needed for them again."""
    tar, indexes = stored(store, tar_of(a__png=b"a")), ShardIndexes()
    assert not indexes.has(tar)
    first = indexes.of(store, tar)
    store.delete(tar.key)
    assert indexes.has(tar)
    assert indexes.of(store, tar) is first


@pytest.mark.parametrize(
    ("facts", "score", "fractions"),
    [
        (b'{"score": 0.5, "class_fractions": {"hair": 0.25}}', 0.5, {"hair": 0.25}),
        (b'{"score": "high", "class_fractions": [1]}', None, {}),
        (b"[1]", None, {}),
        (b"{torn", None, {}),
    ],
    ids=["facts", "odd", "list", "torn"],
)
def test_the_facts_of_a_sample_are_known(
    store: Store, facts: bytes, score: float | None, fractions: dict[str, float]
) -> None:
    """Score and classes come from the sample's JSON. Facts that cannot be read are unknown."""
    sample = index_shard(store, stored(store, tar_of(a__png=b"a", a__json=facts)))["a"]
    assert (sample.score, sample.fractions) == (score, fractions)


def test_a_damaged_shard_is_reported(store: Store) -> None:
    """Bytes that are no tar are a damaged record."""
    with pytest.raises(RecordDamaged):
        index_shard(store, stored(store, b"no tar" * 200))
