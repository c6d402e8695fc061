"""Promises of the ledger, kept by a real Redis."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus, Live, Progress
from state.ledger import Ledger

REF = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
PROGRESS = Progress(stage="inversion", done=3, total=10)


@pytest.fixture
def lost_ledger() -> Iterator[Ledger]:
    """A ledger whose Redis is away."""
    ledger = Ledger.connect("redis://127.0.0.1:9/0")
    yield ledger
    ledger.redis.close()


def test_a_running_job_shows_its_progress(ledger: Ledger) -> None:
    """What a worker reports is what a reader sees."""
    ledger.record_start(REF, 2)
    ledger.report_progress(REF, PROGRESS)
    live = ledger.live(REF)
    assert (live.attempt, live.progress) == (2, PROGRESS)
    assert live.started_at is not None


def test_the_first_start_is_kept(ledger: Ledger) -> None:
    """A second attempt does not move the moment at which the job began."""
    ledger.record_start(REF, 1)
    began = ledger.live(REF).started_at
    ledger.record_start(REF, 2)
    assert ledger.live(REF).started_at == began


def test_nothing_is_live_after_the_end(ledger: Ledger) -> None:
    """A terminal status clears what was live."""
    ledger.record_start(REF, 1)
    ledger.publish_status(REF, JobStatus.SUCCEEDED)
    assert ledger.live(REF) == Live()


def test_events_go_on_after_the_one_that_is_known(ledger: Ledger) -> None:
    """A reader who knows the first event gets the ones after it, in order, the last being `completed`."""
    ledger.record_start(REF, 1)
    ledger.report_progress(REF, PROGRESS)
    ledger.publish_status(REF, JobStatus.FAILED)
    first, *rest = ledger.events(REF)
    assert [event.type for event in ledger.events(REF, after=first.id)] == ["progress", "completed"]
    assert rest[-1].data == {"status": "failed"}


def test_hints_are_let_go_while_redis_is_away(lost_ledger: Ledger) -> None:
    """A job does not fail because its progress could not be told."""
    lost_ledger.report_progress(REF, PROGRESS)
    assert lost_ledger.live(REF) == Live()
    assert lost_ledger.events(REF) == []


def test_decisions_are_not_let_go(lost_ledger: Ledger) -> None:
    """What decides who does something fails loudly while Redis is away."""
    with pytest.raises(redis.RedisError):
        lost_ledger.claim_shards(REF, [1])


def test_a_shard_is_claimed_once(ledger: Ledger) -> None:
    """Of two who want a shard one gets it; after its release another may."""
    assert ledger.claim_shards(REF, [0, 1]) == [0, 1]
    assert ledger.claim_shards(REF, [1, 2]) == [2]
    ledger.release_shard(REF, 1)
    assert ledger.claim_shards(REF, [1]) == [1]
    assert set(ledger.shards_in_flight(REF)) == {0, 1, 2}


def test_attempts_are_counted_by_part(ledger: Ledger) -> None:
    """Each part of a job counts for itself, from one."""
    assert [ledger.next_attempt(REF, "a") for _ in range(2)] == [1, 2]
    assert ledger.next_attempt(REF, "b") == 1


def test_a_lock_is_held_by_one(ledger: Ledger) -> None:
    """Only the owner opens a lock; then somebody else may take it."""
    ttl = timedelta(seconds=10)
    assert ledger.try_lock("door", "me", ttl)
    assert not ledger.try_lock("door", "you", ttl)
    ledger.unlock("door", "you")
    assert not ledger.try_lock("door", "you", ttl)
    ledger.unlock("door", "me")
    assert ledger.try_lock("door", "you", ttl)


def test_the_index_lists_newest_first(ledger: Ledger) -> None:
    """Pages run from the newest id backwards and never overlap."""
    ledger.index_add(DEFAULT_TENANT, "fits", ["a", "c", "b"])
    assert ledger.index_page(DEFAULT_TENANT, "fits", None, 2) == ["c", "b"]
    assert ledger.index_page(DEFAULT_TENANT, "fits", "b", 2) == ["a"]


def test_an_index_knows_whether_it_is_whole(ledger: Ledger) -> None:
    """After a loss of Redis the index says that it must be rebuilt."""
    assert not ledger.index_is_complete(DEFAULT_TENANT, "fits")
    ledger.index_fill(DEFAULT_TENANT, "fits", ["a", "b"])
    assert ledger.index_is_complete(DEFAULT_TENANT, "fits")
    assert ledger.index_page(DEFAULT_TENANT, "fits", None, 10) == ["b", "a"]


def test_a_worker_is_seen_until_it_leaves(ledger: Ledger) -> None:
    """A heartbeat is kept under the worker's name and goes with it."""
    beat = Heartbeat(worker="w", queue="fit", state="idle", at=now(), device="cpu")
    ledger.record_heartbeat(beat)
    assert ledger.workers() == [beat]
    ledger.remove_worker("w")
    assert ledger.workers() == []


def test_an_old_heartbeat_is_not_fresh() -> None:
    """A sign of life counts for a while only."""
    beat = Heartbeat(worker="w", queue="fit", state="idle", at=now(), device="cpu")
    later = beat.at + timedelta(seconds=31)
    assert beat.is_fresh(now(), timedelta(seconds=30))
    assert not beat.is_fresh(later, timedelta(seconds=30))
