"""The readers of streams, on a real Redis."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.streams import StreamRef
from state import redis_keys
from state.ledger import Ledger
from state.stream_readers import StreamReaders

STREAM = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def readers(ledger: Ledger) -> StreamReaders:
    """Return the readers of an empty Redis."""
    return StreamReaders(ledger)


def test_a_stream_has_readers_for_a_while(readers: StreamReaders, ledger: Ledger) -> None:
    """Each request restarts the time."""
    assert not readers.has_readers(STREAM)
    for _ in range(2):
        readers.note_request(STREAM, 3, MINUTE)
        assert readers.has_readers(STREAM)
        assert 50_000 < ledger.redis.pttl(redis_keys.reading(STREAM)) <= 60_000
        ledger.redis.pexpire(redis_keys.reading(STREAM), 10_000)


def test_the_last_request_of_each_shard_is_kept(readers: StreamReaders) -> None:
    """It is kept until the shard is swept or the stream is deleted."""
    before = now()
    for index in (3, 4, 3):
        readers.note_request(STREAM, index, MINUTE)
    times = readers.requested_at(STREAM)
    assert sorted(times) == [3, 4]
    assert before <= times[4] <= times[3] <= now()
    readers.forget_shards(STREAM, [4])
    assert list(readers.requested_at(STREAM)) == [3]
    readers.forget(STREAM)
    assert (readers.requested_at(STREAM), readers.has_readers(STREAM)) == ({}, False)
