"""Promises of ids: of things, and of entries in the queues."""

import re
import time

import pytest

from contracts.ids import RqId, is_prefix, new_id, plural_of, prefix_of

BATCH = "batch_" + "0" * 32


def test_ids_sort_by_creation_time() -> None:
    """The later of two ids sorts after the earlier one, and both have the form that the API promises."""
    first = new_id("fit")
    assert re.fullmatch(r"fit_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", first)
    time.sleep(0.002)
    assert first < new_id("fit")


def test_the_prefix_names_the_kind() -> None:
    """An id without a prefix is the name of a built-in generator."""
    assert prefix_of(new_id("fit")) == "fit"
    assert prefix_of("portraits-64") == "generator"


@pytest.mark.parametrize(("prefix", "plural"), [("fit", "fits"), ("batch", "batches")])
def test_the_plural_names_folders_and_addresses(prefix: str, plural: str) -> None:
    """Stored data is found under the plural, so it never changes."""
    assert plural_of(prefix) == plural


@pytest.mark.parametrize("text", ["", "Fit", "my_fit", "my-fit", "1st"])
def test_other_texts_are_no_prefix(text: str) -> None:
    """An underscore or a dash in a prefix would make ids ambiguous."""
    assert not is_prefix(text)


@pytest.mark.parametrize("shard", [0, 17, 1_000_000])
def test_an_entry_names_its_shard(shard: int) -> None:
    """The reconciler reads which shards are queued from the ids."""
    rq_id = RqId.parse(f"{BATCH}-{shard:06d}-3")
    assert rq_id is not None
    assert (rq_id.owner, rq_id.shard, rq_id.number) == (BATCH, shard, 3)


def test_an_export_is_no_shard() -> None:
    """A part that is no number is no shard."""
    rq_id = RqId.parse(f"{BATCH}-export-coco-1")
    assert rq_id == RqId(BATCH, "export-coco", 1)
    assert rq_id.shard is None


FOREIGN = ["", "x", BATCH, f"{BATCH}-", f"{BATCH}-x", f"{BATCH}--1", f"{BATCH}-01", f"{BATCH}-1:x"]


@pytest.mark.parametrize("text", [*FOREIGN, "portraits-64-1", f"{BATCH}-{'9' * 30}", "\udcff"])
def test_foreign_ids_are_none(text: str) -> None:
    """Redis may hold any text where an id belongs."""
    assert RqId.parse(text) is None
