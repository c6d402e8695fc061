"""Streams: references, and the shards to render ahead of a reader."""

import pytest
from pydantic import ValidationError

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.streams import StreamRef, StreamShardRef, shards_ahead


def test_a_reference_can_be_parsed() -> None:
    """The text of a shard parses to the same reference."""
    stream = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
    shard = StreamShardRef(stream=stream, index=17)
    assert str(shard) == f"default/{stream.id}/17"
    assert StreamShardRef.parse(str(shard)) == shard


@pytest.mark.parametrize("text", ["", "default/17", "default/stream_1/17", "a/b/c/d"])
def test_other_text_is_not_a_reference(text: str) -> None:
    """Text without a tenant, an id and an index is refused."""
    with pytest.raises(ValidationError):
        StreamShardRef.parse(text)


@pytest.mark.parametrize(
    ("claimed", "ahead"),
    [
        ((), [6, 7, 8]),
        ((5,), [6, 7, 8]),
        ((5, 6), [7, 8]),
        ((5, 6, 7, 8), []),
        ((5, 90, 91), [6]),
        ((90, 91, 92, 93), []),
    ],
)
def test_a_window_is_rendered_ahead_of_a_reader(claimed: tuple[int, ...], ahead: list[int]) -> None:
    """At most three claims in total, also those for other readers. The shard that is read does not count."""
    assert shards_ahead(5, 100, window=3, claimed=claimed) == ahead


def test_no_shard_is_ahead_of_the_last_one() -> None:
    """The look-ahead ends at the last shard."""
    assert shards_ahead(98, 100, window=3, claimed=()) == [99]
    assert shards_ahead(99, 100, window=3, claimed=()) == []
