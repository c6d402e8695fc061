"""Which objects a record must name, and which of them it does not."""

import json

import pytest

from state.leftovers.named import record_of, unnamed_objects
from state.store import Store

PREFIX = "tenants/default/batches/b"


def put_record(store: Store, name: str, *objects: str) -> None:
    """Store a record that names objects."""
    named = [{"key": f"{PREFIX}/{each}", "sha256": "0"} for each in objects]
    store.put(f"{PREFIX}/{name}", json.dumps(named, indent=1).encode())


def unnamed(store: Store) -> set[str]:
    """Return the objects that no record names, without their prefix."""
    return {info.key.removeprefix(f"{PREFIX}/") for info in unnamed_objects(store, PREFIX)}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("shards/000017/x.tar", "shards/000017.json"),
        ("exports/coco-boxes/x.zip", "exports/coco-boxes.json"),
        ("sheets/walk-70-0-0/x.png", "sheets/walk-70-0-0.json"),
        ("attempts/a/fit.png", "manifest.json"),
        ("files/0/report.html", "manifest.json"),
        ("cards/0.md", "manifest.json"),
        ("files/0.png", None),
        ("request.json", None),
        ("units/real-1.npz", None),
        ("shards/000017.json", None),
    ],
)
def test_the_record_of_an_object(name: str, record: str | None) -> None:
    """Shards, exports, artefacts of fits and reports have one. Images of a labelset and records have none."""
    assert record_of(PREFIX, f"{PREFIX}/{name}") == (record and f"{PREFIX}/{record}")


def test_an_object_without_a_record_is_unnamed(store: Store) -> None:
    """A worker stopped between the object and its record."""
    store.put(f"{PREFIX}/shards/000000/x.tar", b"")
    store.put(f"{PREFIX}/attempts/a/fit.png", b"")
    store.put(f"{PREFIX}/request.json", b"{}")
    assert unnamed(store) == {"shards/000000/x.tar", "attempts/a/fit.png"}


def test_an_object_that_the_record_does_not_name_is_unnamed(store: Store) -> None:
    """A twin has rendered the same shard, and the record names the other tar."""
    for name in ("x", "y"):
        store.put(f"{PREFIX}/shards/000000/{name}.tar", b"")
        store.put(f"{PREFIX}/attempts/{name}/fit.png", b"")
    put_record(store, "shards/000000.json", "shards/000000/x.tar")
    put_record(store, "manifest.json", "attempts/y/fit.png")
    assert unnamed(store) == {"shards/000000/y.tar", "attempts/x/fit.png"}


def test_a_damaged_record_may_name_everything(store: Store) -> None:
    """What it should name may be the only copy."""
    for name in ("x", "y"):
        store.put(f"{PREFIX}/shards/000000/{name}.tar", b"")
    store.put(f"{PREFIX}/shards/000000.json", b'{"tar": {"key": "tenants/def')
    assert unnamed(store) == set()
