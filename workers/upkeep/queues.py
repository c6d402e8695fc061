"""The queues for the reconciler: drop entries that are no jobs, return those of dead workers, list all others."""

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import cast

import structlog
from redis.exceptions import ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import (
    BaseRegistry,
    FailedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.serializers import JSONSerializer

from contracts.base import CLOCK_TOLERANCE
from contracts.ids import RqId
from contracts.kinds import QUEUE_NAMES
from state.capacity.patience import LONGEST_WAIT
from state.queues import open_queue
from workers.runtime.machine import Machine
from workers.runtime.machine_jobs import job_class_of
from workers.runtime.worker import end_after_last_retry

log = structlog.get_logger()

Queued = Mapping[str, set[RqId]]
"""The calls that wait in the admission or are in RQ's queues, by the id of the job or stream that they belong to."""


def drop_poison(machine: Machine) -> None:
    """Drop scheduled entries that are not our jobs: RQ reads all due entries at once, and one bad entry fails all."""
    jobs = job_class_of(machine.kinds)
    for name in QUEUE_NAMES:
        scheduled = ScheduledJobRegistry(queue=open_queue(machine.redis, name))
        for rq_id in scheduled.get_job_ids(cleanup=False):
            with suppress(NoSuchJobError):
                jobs.fetch(rq_id, connection=machine.redis, serializer=JSONSerializer)


def clean_registries(machine: Machine, queue: Queue) -> None:
    """Return jobs whose worker has died to the queue, or end them.

    A job that a dying worker popped but did not start stays in the intermediate list. After a minute there it is
    dropped; the reconciler queues it again as lost.
    """

    def on_abandoned(job: Job, _kind: type, error: BaseException, _trace: object) -> bool:
        end_after_last_retry(machine, job, error)
        return True

    started = StartedJobRegistry(queue=queue, job_class=job_class_of(machine.kinds))
    fresh = machine.settings.heartbeat_fresh
    _bound_waits(started, longest=fresh, instead=fresh)
    _bound_waits(ScheduledJobRegistry(queue=queue), longest=LONGEST_WAIT, instead=timedelta(0))
    started.cleanup(exception_handlers=[on_abandoned])
    FailedJobRegistry(queue=queue).cleanup()
    popped = queue.intermediate_queue
    for rq_id in popped.get_job_ids():
        if popped.should_be_cleaned_up(rq_id):
            popped.remove(rq_id)
        else:
            popped.set_first_seen(rq_id)


def admit(machine: Machine) -> None:
    """Hand waiting entries to RQ, in case a process died before it did so. Waiting work that cannot be read is dropped.

    Jobs among it are queued again as lost.
    """
    for name in QUEUE_NAMES:
        try:
            machine.admission.pump(name)
        except ResponseError:  # a key has another type, or a number is no number
            log.exception("waiting work dropped", queue=name)
            machine.admission.reset(name)


def queued_rq_ids(machine: Machine) -> Queued:
    """Return the entries that are waiting, popped, running or scheduled. Ids that are not ours are skipped.

    An entry moves through the lists during the reads. So they are read in the order of its moves, and RQ's first list
    again at the end, because a retry returns there. This way no entry is missed. Shards that wait have no ids yet.
    """
    entries: defaultdict[str, set[RqId]] = defaultdict(set)
    for name in QUEUE_NAMES:
        for rq_id in machine.admission.waiting(name).rq_ids:
            entries[rq_id.owner].add(rq_id)
        queue = open_queue(machine.redis, name)
        for read in (
            queue.get_job_ids,
            queue.intermediate_queue.get_job_ids,
            partial(StartedJobRegistry(queue=queue).get_job_ids, cleanup=False),
            partial(ScheduledJobRegistry(queue=queue).get_job_ids, cleanup=False),
            queue.get_job_ids,
        ):
            for rq_id in filter(None, map(RqId.parse, read())):
                entries[rq_id.owner].add(rq_id)
    return entries


def _bound_waits(registry: BaseRegistry, *, longest: timedelta, instead: timedelta) -> None:
    """Let entries that would wait for longer than any does wait `instead`: they were noted while a clock was wrong.

    The worker of a running job notes the time again with each heartbeat.
    """
    at = time.time()
    latest = at + (longest + CLOCK_TOLERANCE).total_seconds()
    late = registry.connection.zrangebyscore(registry.key, f"({latest}", "+inf")
    for entry in cast("list[bytes]", late):
        registry.connection.zadd(registry.key, {entry: at + instead.total_seconds()}, xx=True)
