"""Ids of resources, and of entries in the queues."""

import re
import time

import pytest

from contracts.ids import RqId, is_prefix, new_id, plural_of, prefix_of

BATCH = "batch_" + "0" * 32


def test_ids_sort_by_creation_time() -> None:
    """The later of two ids sorts after the earlier one. Both have the format in the API's documentation."""
    first = new_id("fit")
    assert re.fullmatch(r"fit_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", first)
    time.sleep(0.002)
    assert first < new_id("fit")


def test_the_prefix_is_the_kind() -> None:
    """An id without a prefix is the name of a built-in generator."""
    assert prefix_of(new_id("fit")) == "fit"
    assert prefix_of("portraits-64") == "generator"


@pytest.mark.parametrize(("prefix", "plural"), [("fit", "fits"), ("batch", "batches")])
def test_the_plural_of_a_prefix(prefix: str, plural: str) -> None:
    """The keys of stored data contain the plural, so it never changes."""
    assert plural_of(prefix) == plural


@pytest.mark.parametrize("text", ["", "Fit", "my_fit", "my-fit", "1st"])
def test_other_text_is_not_a_prefix(text: str) -> None:
    """An underscore or a dash in a prefix would make ids ambiguous."""
    assert not is_prefix(text)


@pytest.mark.parametrize("shard", [0, 17, 1_000_000])
def test_the_id_of_an_entry_has_its_shard(shard: int) -> None:
    """The reconciler reads from the ids which shards are queued."""
    rq_id = RqId.parse(f"{BATCH}-{shard:06d}-3")
    assert rq_id is not None
    assert (rq_id.owner, rq_id.shard, rq_id.number) == (BATCH, shard, 3)


def test_an_export_has_no_shard() -> None:
    """A part that is not a number is not a shard."""
    rq_id = RqId.parse(f"{BATCH}-export-coco-1")
    assert rq_id == RqId(BATCH, "export-coco", 1)
    assert rq_id.shard is None


def test_the_sheet_of_a_built_in_generator_has_an_id() -> None:
    """Its owner is a name with dashes, and the rest is the part."""
    text = "portraits-64-diffusion-sheet-walk-70-0-9247608cd677-2"
    assert RqId.parse(text) == RqId("portraits-64-diffusion", "sheet-walk-70-0-9247608cd677", 2)
    assert str(RqId.parse(text)) == text


FOREIGN = ["", "x", BATCH, f"{BATCH}-", f"{BATCH}-x", f"{BATCH}--1", f"{BATCH}-01", f"{BATCH}-1:x"]


@pytest.mark.parametrize("text", [*FOREIGN, "portraits-64-1", f"{BATCH}-{'9' * 30}", "\udcff"])
def test_other_text_is_not_an_id(text: str) -> None:
    """Redis may contain any text in place of an id."""
    assert RqId.parse(text) is None
