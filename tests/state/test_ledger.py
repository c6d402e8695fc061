"""The ledger, on a real Redis."""

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
def offline_ledger() -> Iterator[Ledger]:
    """Return a ledger whose Redis does not answer."""
    ledger = Ledger.connect("redis://127.0.0.1:9/0")
    yield ledger
    ledger.redis.close()


def test_a_running_job_shows_its_progress(ledger: Ledger) -> None:
    """A reader gets the progress that the worker reported."""
    ledger.record_start(REF, 2)
    ledger.report_progress(REF, PROGRESS)
    live = ledger.live(REF)
    assert (live.attempt, live.progress) == (2, PROGRESS)
    assert live.started_at is not None


def test_the_first_start_is_kept(ledger: Ledger) -> None:
    """A second attempt does not change the start time of the job."""
    ledger.record_start(REF, 1)
    started_at = ledger.live(REF).started_at
    ledger.record_start(REF, 2)
    assert ledger.live(REF).started_at == started_at


def test_a_terminal_status_clears_the_live_data(ledger: Ledger) -> None:
    """After the end, the live data is empty."""
    ledger.record_start(REF, 1)
    ledger.publish_status(REF, JobStatus.SUCCEEDED)
    assert ledger.live(REF) == Live()


def test_events_resume_after_an_id(ledger: Ledger) -> None:
    """A reader that has the first event gets the later ones in order; the last is `completed`."""
    ledger.record_start(REF, 1)
    ledger.report_progress(REF, PROGRESS)
    ledger.publish_status(REF, JobStatus.FAILED)
    first, *rest = ledger.events(REF)
    assert [event.type for event in ledger.events(REF, after=first.id)] == ["progress", "completed"]
    assert rest[-1].data == {"status": "failed"}


def test_progress_is_skipped_while_redis_is_down(offline_ledger: Ledger) -> None:
    """A job does not fail because its progress could not be published."""
    offline_ledger.report_progress(REF, PROGRESS)
    assert offline_ledger.live(REF) == Live()
    assert offline_ledger.events(REF) == []


def test_attempts_fail_while_redis_is_down(offline_ledger: Ledger) -> None:
    """A method that decides which process works raises an error."""
    with pytest.raises(redis.RedisError):
        offline_ledger.next_attempt(REF)


def test_attempts_are_counted_by_part(ledger: Ledger) -> None:
    """Each part of a job has its own count, from 1."""
    assert [ledger.next_attempt(REF, "a") for _ in range(2)] == [1, 2]
    assert ledger.next_attempt(REF, "b") == 1


def test_a_lock_is_held_by_one(ledger: Ledger) -> None:
    """Only the owner can release a lock; then another owner can take it."""
    ttl = timedelta(seconds=10)
    assert ledger.try_lock("task", "a", ttl)
    assert not ledger.try_lock("task", "b", ttl)
    ledger.unlock("task", "b")
    assert not ledger.try_lock("task", "b", ttl)
    ledger.unlock("task", "a")
    assert ledger.try_lock("task", "b", ttl)


def test_the_index_lists_newest_first(ledger: Ledger) -> None:
    """Pages go from the newest id to the oldest and do not overlap."""
    ledger.index_add(DEFAULT_TENANT, "fits", ["a", "c", "b"])
    assert ledger.index_page(DEFAULT_TENANT, "fits", None, 2) == ["c", "b"]
    assert ledger.index_page(DEFAULT_TENANT, "fits", "b", 2) == ["a"]


def test_a_lost_index_is_incomplete(ledger: Ledger) -> None:
    """An empty Redis has an incomplete index; filling it makes it complete."""
    assert not ledger.index_is_complete(DEFAULT_TENANT, "fits")
    ledger.index_fill(DEFAULT_TENANT, "fits", ["a", "b"])
    assert ledger.index_is_complete(DEFAULT_TENANT, "fits")
    assert ledger.index_page(DEFAULT_TENANT, "fits", None, 10) == ["b", "a"]


def test_a_heartbeat_is_kept_until_the_worker_is_removed(ledger: Ledger) -> None:
    """It is kept under the worker's name."""
    heartbeat = Heartbeat(worker="w", queue="fit", state="idle", at=now(), device="cpu")
    ledger.record_heartbeat(heartbeat)
    assert ledger.workers() == [heartbeat]
    ledger.remove_worker("w")
    assert ledger.workers() == []


def test_an_old_heartbeat_is_not_fresh() -> None:
    """A heartbeat is fresh for a limited time."""
    heartbeat = Heartbeat(worker="w", queue="fit", state="idle", at=now(), device="cpu")
    later = heartbeat.at + timedelta(seconds=31)
    assert heartbeat.is_fresh(now(), timedelta(seconds=30))
    assert not heartbeat.is_fresh(later, timedelta(seconds=30))
