"""The reconciler: a loop that repairs what killed workers, a flushed Redis or an interrupted request left behind.

It compares the store (what was asked, what came of it) with the queues (what is waiting or running) and queues again
what has been lost. Several may run; a lock lets one work at a time. Everything it does is safe to do twice.
"""

import signal
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

import structlog
from pydantic import ValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry, ScheduledJobRegistry, StartedJobRegistry
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from contracts.base import now
from contracts.batches import BatchRequest
from contracts.errors.jobs import WorkerLost
from contracts.errors.tree import Unavailable
from contracts.jobs import JOB_KINDS, JobRef, JobStatus
from contracts.kinds import QUEUE_NAMES
from contracts.streams import StreamRef
from state import keys, records
from state.queues import RETENTION, job_call, job_id_of
from workers.importing.uploads import discard_used
from workers.rendering import streams
from workers.rendering.batches import completed, queue_next
from workers.runtime import on_demand
from workers.runtime.jobs import failed
from workers.runtime.machine import Machine
from workers.runtime.machine_jobs import MachineJob
from workers.runtime.poison import purge
from workers.runtime.pulse import show_life
from workers.runtime.queues import open_queue, put
from workers.runtime.worker import end_after_last_retry
from workers.upkeep import leftovers

log = structlog.get_logger()

LOCK = "reconcile"
LOCK_INTERVALS = 4
"""A reconciler that was killed in its round keeps the others out for so many intervals. Two at once do no harm."""
SWEEP_INTERVAL = timedelta(minutes=1)
"""Sweeping lists every shard of every stream, which costs money in a bucket."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Reconciler:
    """One process of it. `ended` remembers the jobs that need no further look, by their text."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.name = f"reconciler-{uuid.uuid4().hex}"
        self.ended: set[str] = set()
        self._retries = RQScheduler(
            QUEUE_NAMES, connection=machine.redis, serializer=JSONSerializer
        )
        self._retries.prepare_registries(QUEUE_NAMES)

    def run(self) -> None:
        """Repair every `reconcile_interval` until SIGTERM or SIGINT, which wait until a round is over."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        settings = self.machine.settings
        interval = settings.reconcile_interval.total_seconds()
        while signal.sigtimedwait(STOP_SIGNALS, interval) is None:
            try:
                self.reconcile()
                show_life(settings.alive_path)
            except (RedisError, Unavailable) as error:
                log.warning("reconciling put off", error=str(error))
            except Exception:  # the next round may repair what this one could not
                log.exception("a round failed")

    def reconcile(self) -> None:
        """One round, unless another reconciler is at it."""
        ttl = self.machine.settings.reconcile_interval * LOCK_INTERVALS
        if not self.machine.ledger.try_lock(LOCK, self.name, ttl):
            return
        try:
            self._repair()
        finally:
            self.machine.ledger.unlock(LOCK, self.name)

    def _repair(self) -> None:
        purge(self.machine.redis)
        for name in QUEUE_NAMES:
            with _surviving("registries"):
                clean_registries(self.machine, open_queue(self.machine.redis, name))
        with _surviving("retries"):
            drop_poison(self.machine)
            self._retries.enqueue_scheduled_jobs()
        looked_at = now()
        with _surviving("workers"):
            self._forget_dead_workers(looked_at)
        queued = queued_rq_ids(self.machine)
        with _surviving("items made on demand"):
            rq_ids = {rq_id for ids in queued.values() for rq_id in ids}
            on_demand.free_lost_claims(self.machine, rq_ids)
        for tenant in self.machine.store.children("tenants"):
            with _surviving("indexes"):
                self._rebuild_indexes(tenant)
            with _surviving("uploads"):
                discard_used(self.machine, tenant)
            with _surviving("leftovers"):
                leftovers.sweep(self.machine, tenant, self.name, looked_at)
            with _surviving("streams"):
                self._sweep_streams(tenant)
            for job in self._unfinished(tenant):
                self._repair_one(tenant, job, queued, looked_at)

    def _repair_one(
        self, tenant: str, job: str, queued: Mapping[str, set[str]], looked_at: datetime
    ) -> None:
        """Repair one job; one that cannot be read, or whose repair fails, does not stop the others."""
        with _surviving(f"job of {tenant}"):
            try:
                self._repair_job(JobRef.parse(job), queued, looked_at)
            except ValidationError:
                log.exception("unreadable job passed over", job=job)
                self.ended.add(job)

    def _forget_dead_workers(self, looked_at: datetime) -> None:
        """A worker that was killed never leaves; its last sign is kept for a while, not for ever."""
        for beat in self.machine.ledger.workers():
            if not beat.is_fresh(looked_at, RETENTION):
                self.machine.ledger.leave(beat.worker)

    def _rebuild_indexes(self, tenant: str) -> None:
        for noun in keys.LISTED_NOUNS:
            if not self.machine.ledger.index_is_whole(tenant, noun):
                records.rebuild_index(self.machine.store, self.machine.ledger, tenant, noun)

    def _sweep_streams(self, tenant: str) -> None:
        if not self.machine.ledger.try_lock(f"sweep:{tenant}", self.name, SWEEP_INTERVAL):
            return
        for stream_id in self.machine.store.children(keys.noun_prefix(tenant, "streams")):
            streams.sweep(self.machine, StreamRef(tenant=tenant, id=stream_id))

    def _unfinished(self, tenant: str) -> list[str]:
        """The text of every job not yet known to have ended, kind by kind, oldest first."""
        nouns = [keys.NOUN_OF_KIND[kind] for kind in JOB_KINDS]
        jobs = [
            f"{tenant}/{job_id}"
            for noun in nouns
            for job_id in self.machine.store.children(keys.noun_prefix(tenant, noun))
        ]
        return [job for job in jobs if job not in self.ended]

    def _repair_job(
        self, ref: JobRef, all_queued: Mapping[str, set[str]], looked_at: datetime
    ) -> None:
        queued = all_queued.get(ref.id, set())
        record = records.read_job(self.machine.store, ref)
        if record is None or record.manifest or records.is_deleted(self.machine.store, ref):
            records.clear_scratch(self.machine.store, ref)
            self.ended.add(str(ref))
        elif looked_at - record.request.created_at < self.machine.settings.heartbeat_interval:
            pass  # the app stores a request before it queues it: leave it that moment
        elif record.cancellation is not None and not queued:
            self._end_cancelled(ref)
        elif isinstance(record.request, BatchRequest):
            self._repair_batch(record.request, queued, looked_at)
        elif not queued:
            self._requeue(ref)

    def _end_cancelled(self, ref: JobRef) -> None:
        """Nobody will pick it up, so nobody else writes its manifest."""
        started_at = self.machine.ledger.live(ref).started_at
        manifest = records.ended_without_result(ref, JobStatus.CANCELLED, started_at)
        records.finish(self.machine.store, self.machine.ledger, ref, manifest)

    def _requeue(self, ref: JobRef) -> None:
        attempt = self.machine.ledger.next_attempt(ref)
        if attempt > self.machine.settings.max_attempts:
            error = WorkerLost(f"The {ref.kind} was begun {attempt - 1} times and lost each time.")
            manifest = failed(ref, error, None)
            records.finish(self.machine.store, self.machine.ledger, ref, manifest)
            return
        log.warning("queued again", job=str(ref), attempt=attempt)
        put(self.machine.redis, job_call(ref, attempt))

    def _repair_batch(self, request: BatchRequest, queued: set[str], looked_at: datetime) -> None:
        """Completes a finished batch, frees claims on shards that nobody renders, and queues what comes next."""
        ref = request.ref
        manifest = completed(self.machine.store, request)
        if manifest is not None:
            records.finish(self.machine.store, self.machine.ledger, ref, manifest)
        if manifest is not None or any("-pilot-" in rq_id for rq_id in queued):
            return
        under_way = {int(rq_id.split("-")[1]) for rq_id in queued}
        for index, claimed_at in self.machine.ledger.shards_in_flight(ref).items():
            age = looked_at - claimed_at
            if index not in under_way and age > self.machine.settings.heartbeat_interval:
                self.machine.ledger.release_shard(ref, index)
        queue_next(self.machine, request)


@contextmanager
def _surviving(step: str) -> Iterator[None]:
    """Keeps what fails in one step of a round from the other steps, unless Redis or the store is away."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, Unavailable):
        raise
    except Exception:
        log.exception("a step of a round failed", step=step)


def drop_poison(machine: Machine) -> None:
    """Drops scheduled entries that are no jobs of ours: RQ reads all that are due at once, and fails with the first."""
    for name in QUEUE_NAMES:
        scheduled = ScheduledJobRegistry(queue=open_queue(machine.redis, name))
        for rq_id in scheduled.get_job_ids(cleanup=False):
            with suppress(NoSuchJobError):
                MachineJob.fetch(rq_id, connection=machine.redis, serializer=JSONSerializer)


def clean_registries(machine: Machine, queue: Queue) -> None:
    """Takes jobs whose worker has died out of RQ's hands: back to the queue, or failed for good.

    A job that a dying worker had popped but not begun lies in the intermediate list; after a minute there it is
    dropped, and queued again as lost.
    """

    def on_abandoned(job: Job, _kind: type, error: BaseException, _trace: object) -> bool:
        end_after_last_retry(machine, job, error)
        return True

    started = StartedJobRegistry(queue=queue, job_class=MachineJob)
    started.cleanup(exception_handlers=[on_abandoned])
    FailedJobRegistry(queue=queue).cleanup()
    popped = queue.intermediate_queue
    for rq_id in popped.get_job_ids():
        if popped.should_be_cleaned_up(rq_id):
            popped.remove(rq_id)
        else:
            popped.set_first_seen(rq_id)


def queued_rq_ids(machine: Machine) -> Mapping[str, set[str]]:
    """For each job, the RQ ids that are waiting, popped, running or scheduled.

    The lists are read in the order in which an entry moves through them, and the first one again at the end (a retry
    returns there), so that no entry slips by between two reads.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in QUEUE_NAMES:
        queue = open_queue(machine.redis, name)
        for read in (
            queue.get_job_ids,
            queue.intermediate_queue.get_job_ids,
            partial(StartedJobRegistry(queue=queue).get_job_ids, cleanup=False),
            partial(ScheduledJobRegistry(queue=queue).get_job_ids, cleanup=False),
            queue.get_job_ids,
        ):
            for rq_id in read():
                found[job_id_of(rq_id)].add(rq_id)
    return found
