"""The reader of events that all requests of a process share."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from app.listening import _MAX_WAITING, Entry, Listener
from contracts.events import FIRST
from state.ledger import Ledger

SECOND = timedelta(seconds=1)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, for 20 s at most."""
    asyncio.run(asyncio.wait_for(coroutine, 20))


async def take(listener: Listener, key: str, count: int, after: str = FIRST) -> list[Entry]:
    """Return the first `count` entries of a stream after an id."""
    entries: list[Entry] = []
    with listener.subscribed(key, after) as subscription:
        while len(entries) < count:
            entries += await subscription.next()
    return entries


@pytest.fixture
def url(ledger: Ledger, redis_url: str) -> str:
    """Return the address of an empty Redis."""
    return redis_url


def add(ledger: Ledger, key: str, numbers: range) -> list[str]:
    """Add entries, and return their ids."""
    return [str(ledger.redis.xadd(key, {"n": number})) for number in numbers]


def test_each_listener_gets_the_entries_after_its_own_place(ledger: Ledger, url: str) -> None:
    """Also when others of the same stream are further, and in order."""
    ids = add(ledger, "a", range(250))

    async def scene() -> None:
        listener = Listener(url, SECOND)
        wanted = [(FIRST, 250), (ids[99], 150), (ids[248], 1)]
        taken = await asyncio.gather(*(take(listener, "a", n, after) for after, n in wanted))
        for entries, (_, count) in zip(taken, wanted, strict=True):
            assert [entry_id for entry_id, _ in entries] == ids[250 - count :]
        await listener.close()

    run(scene())


def test_a_new_stream_is_read_while_another_one_is_waited_for(ledger: Ledger, url: str) -> None:
    """The reader does not stay in a read that lacks the new stream."""

    async def scene() -> None:
        listener = Listener(url, SECOND)
        with listener.subscribed("silent", FIRST) as silent:
            waiting = asyncio.create_task(silent.next())
            await asyncio.sleep(0)  # let the reader begin
            add(ledger, "b", range(1))
            assert len(await take(listener, "b", 1)) == 1
            assert not waiting.done()
        waiting.cancel()
        await listener.close()

    run(scene())


def test_a_listener_that_takes_nothing_delays_no_other(ledger: Ledger, url: str) -> None:
    """Its entries wait in Redis and arrive later, without a gap."""
    count = 2 * _MAX_WAITING
    ids = add(ledger, "a", range(count))

    async def scene() -> None:
        listener = Listener(url, SECOND)
        with listener.subscribed("a", FIRST) as slow:
            assert len(await take(listener, "a", count)) == count
            entries: list[Entry] = []
            while len(entries) < count:
                entries += await slow.next()
            assert [entry_id for entry_id, _ in entries] == ids
        await listener.close()

    run(scene())


def test_a_wait_ends_without_redis(url: str) -> None:
    """Its own clock ends it, so that the caller can look at the store."""

    async def scene() -> None:
        listener = Listener("redis://127.0.0.1:9/0", SECOND)
        with listener.subscribed("a", FIRST) as subscription:
            assert await subscription.next(0.1) == []
        await listener.close()

    run(scene())


def test_a_key_that_holds_no_stream_hides_no_other(ledger: Ledger, url: str) -> None:
    """All streams are read in one command, which fails as a whole. Then they are read one by one."""
    ledger.redis.set("damaged", "x")
    ids = add(ledger, "a", range(150))

    async def scene() -> None:
        listener = Listener(url, SECOND)
        with listener.subscribed("damaged", FIRST):
            entries = await take(listener, "a", 150)
            assert [entry_id for entry_id, _ in entries] == ids
        await listener.close()

    run(scene())


def test_closing_ends_the_reader_whatever_is_still_subscribed(url: str) -> None:
    """Many times: a cancellation of redis-py may get lost, and then the process would never end."""

    async def scene() -> None:
        for yields in range(40):
            listener = Listener(url, SECOND)
            with listener.subscribed("silent", FIRST):
                for _ in range(yields):
                    await asyncio.sleep(0)
                await asyncio.wait_for(listener.close(), 5)

    run(scene())


def test_stopping_ends_all_waits(url: str) -> None:
    """They end at once, without entries."""

    async def scene() -> None:
        listener = Listener(url, SECOND)
        with listener.subscribed("a", FIRST) as subscription:
            waiting = asyncio.create_task(subscription.wait_for(lambda _: True, 10))
            await asyncio.sleep(0)
            listener.stop()
            await asyncio.wait_for(waiting, 1)
        await listener.close()

    run(scene())
