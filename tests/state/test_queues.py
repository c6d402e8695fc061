"""Promises of the queue table."""

import re

from contracts.exports import ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, ShardRef
from contracts.streams import StreamRef, StreamShardRef
from state.queues import (
    TASKS,
    export_call,
    job_call,
    job_id_of,
    pilot_call,
    shard_call,
    stream_call,
)

FIT = JobRef(tenant=DEFAULT_TENANT, id=new_id("fit"))
BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
STREAM = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
CALLS = [
    job_call(FIT, 1),
    pilot_call(BATCH, 1),
    shard_call(ShardRef(batch=BATCH, index=3), 2),
    stream_call(StreamShardRef(stream=STREAM, index=3), 9),
    export_call(ExportRef(batch=BATCH, format="yolo-seg"), 1),
]


def test_rq_takes_the_ids() -> None:
    """RQ allows letters, digits, underscores and dashes in an id, and no more."""
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", call.rq_id) for call in CALLS)


def test_an_entry_leads_back_to_its_job() -> None:
    """From an entry in a queue one finds the job it belongs to."""
    assert [job_id_of(call.rq_id) for call in CALLS] == [
        FIT.id,
        BATCH.id,
        BATCH.id,
        STREAM.id,
        BATCH.id,
    ]


def test_another_attempt_is_another_entry() -> None:
    """A job queued again never reuses an id, which RQ would take for the stale one."""
    assert job_call(FIT, 1).rq_id != job_call(FIT, 2).rq_id


def test_every_task_is_retried_and_ends() -> None:
    """A task without a retry is lost with its worker; one without a time limit never ends."""
    assert all(plan.retry_after and plan.timeout.total_seconds() > 0 for plan in TASKS.values())
