"""Streams: which samples a shard holds, and what is rendered ahead of a reader."""

import pytest

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.streams import StreamRef, StreamShardRef, shards_ahead


def test_a_shard_is_named_and_parsed() -> None:
    """The text that crosses the queue."""
    stream = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
    shard = StreamShardRef(stream=stream, index=17)
    assert str(shard) == f"default/{stream.id}/17"
    assert StreamShardRef.parse(str(shard)) == shard


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
    """Three at most, what is under way counted, other readers' too; the shard that is read itself is not."""
    assert shards_ahead(5, 100, window=3, claimed=claimed) == ahead


def test_nothing_is_ahead_of_the_last_shard() -> None:
    """The names of samples end there."""
    assert shards_ahead(98, 100, window=3, claimed=()) == [99]
    assert shards_ahead(99, 100, window=3, claimed=()) == []
