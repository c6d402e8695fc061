"""The reconciler: a loop that repairs the damage of killed workers, a flushed Redis or an interrupted request.

It compares the store (requests and manifests) with the queues (waiting and running jobs) and queues lost jobs again.
Several reconcilers may run; a lock admits one at a time. Each repair is safe to do twice.
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
from contracts.errors.jobs import WorkerLost
from contracts.errors.tree import RecordDamaged, Unavailable
from contracts.ids import RqId
from contracts.jobs import JobRef, Request
from contracts.kinds import QUEUE_NAMES, RETENTION
from contracts.streams import StreamRef
from state import keys, records
from state.queues import job_call, open_queue, put
from workers.importing.uploads import discard_used
from workers.rendering import streams
from workers.runtime import on_demand
from workers.runtime.functions import import_function
from workers.runtime.jobs import cancelled, failed
from workers.runtime.machine import Machine
from workers.runtime.machine_jobs import job_class_of
from workers.runtime.poison import purge
from workers.runtime.pulse import show_life
from workers.runtime.worker import end_after_last_retry
from workers.upkeep import leftovers

log = structlog.get_logger()

LOCK = "reconcile"
LOCK_INTERVALS = 4
"""A reconciler that is killed in a round blocks the others for this many intervals. Two at once do no harm."""
SWEEP_INTERVAL = timedelta(minutes=1)
"""A sweep lists every shard of every stream, and a bucket charges for listing."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Queued = Mapping[str, set[RqId]]
"""The entries of all queues, by the id of the job or stream that they belong to."""


class Reconciler:
    """The reconciler of one process. `ended` holds the references of the jobs that need no further check."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.name = f"reconciler-{uuid.uuid4().hex}"
        self.ended: set[str] = set()
        self._retries = RQScheduler(
            QUEUE_NAMES, connection=machine.redis, serializer=JSONSerializer
        )
        self._retries.prepare_registries(QUEUE_NAMES)

    def run(self) -> None:
        """Repair every `reconcile_interval` until SIGTERM or SIGINT; a round is never interrupted."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        settings = self.machine.settings
        interval = settings.reconcile_interval.total_seconds()
        while signal.sigtimedwait(STOP_SIGNALS, interval) is None:
            try:
                self.reconcile()
                show_life(settings.alive_path)
            except (RedisError, Unavailable) as error:
                log.warning("a round was postponed", error=str(error))
            except Exception:  # the next round may succeed
                log.exception("a round failed")

    def reconcile(self) -> None:
        """Do one round, unless another reconciler is doing one."""
        ttl = self.machine.settings.reconcile_interval * LOCK_INTERVALS
        if not self.machine.ledger.try_lock(LOCK, self.name, ttl):
            return
        try:
            self._repair()
        finally:
            self.machine.ledger.unlock(LOCK, self.name)

    def _repair(self) -> None:
        """Do each step, whatever the others do: one unreadable value must not end the upkeep of everything."""
        with _surviving("poison"):
            purge(self.machine.redis)
        for name in QUEUE_NAMES:
            with _surviving("registries"):
                clean_registries(self.machine, open_queue(self.machine.redis, name))
        with _surviving("retries"):
            drop_poison(self.machine)
            self._retries.enqueue_scheduled_jobs()
        checked_at = now()
        with _surviving("workers"):
            self._forget_dead_workers(checked_at)
        queued: Queued | None = (
            None  # unknown: a job that looks lost may be in a queue that cannot be read
        )
        with _surviving("queues"):
            queued = queued_rq_ids(self.machine)
        if queued is not None:
            with _surviving("items made on demand"):
                rq_ids = {str(rq_id) for ids in queued.values() for rq_id in ids}
                on_demand.free_lost_claims(self.machine, rq_ids)
        for tenant in self.machine.store.children("tenants"):
            self._repair_tenant(tenant, queued, checked_at)

    def _repair_tenant(self, tenant: str, queued: Queued | None, checked_at: datetime) -> None:
        with _surviving("indexes"):
            self._rebuild_indexes(tenant)
        with _surviving("uploads"):
            discard_used(self.machine, tenant)
        with _surviving("leftovers"):
            leftovers.sweep(self.machine, tenant, self.name, checked_at)
        with _surviving("streams"):
            self._sweep_streams(tenant)
        if queued is not None:
            for job in self._unfinished(tenant):
                self._repair_one(tenant, job, queued, checked_at)

    def _repair_one(self, tenant: str, job: str, queued: Queued, checked_at: datetime) -> None:
        """Repair one job. A job that cannot be read, or whose repair fails, does not stop the others."""
        with _surviving(f"job of {tenant}"):
            try:
                self._repair_job(JobRef.parse(job), queued, checked_at)
            except (ValidationError, RecordDamaged):
                log.exception("unreadable job skipped", job=job)
                self.ended.add(job)

    def _forget_dead_workers(self, checked_at: datetime) -> None:
        """Remove workers that were killed long ago: they never removed themselves."""
        for beat in self.machine.ledger.workers():
            if not beat.is_fresh(checked_at, RETENTION):
                self.machine.ledger.remove_worker(beat.worker)

    def _rebuild_indexes(self, tenant: str) -> None:
        for noun in self.machine.kinds.listed_nouns:
            if not self.machine.ledger.index_is_complete(tenant, noun):
                records.rebuild_index(self.machine.store, self.machine.ledger, tenant, noun)

    def _sweep_streams(self, tenant: str) -> None:
        if not self.machine.ledger.try_lock(f"sweep:{tenant}", self.name, SWEEP_INTERVAL):
            return
        for stream_id in self.machine.store.children(keys.noun_prefix(tenant, "streams")):
            with _surviving(f"stream {stream_id[:100]}"):
                streams.sweep(self.machine, StreamRef(tenant=tenant, id=stream_id))

    def _unfinished(self, tenant: str) -> list[str]:
        """Return the references of all jobs that may not have ended, kind by kind, oldest first."""
        jobs = [
            f"{tenant}/{job_id}"
            for kind in self.machine.kinds
            for job_id in self.machine.store.children(keys.noun_prefix(tenant, kind.noun))
        ]
        return [job for job in jobs if job not in self.ended]

    def _repair_job(self, ref: JobRef, all_queued: Queued, checked_at: datetime) -> None:
        queued, kind = all_queued.get(ref.id, set()), self.machine.kinds.of(ref)
        record = records.read_job(self.machine.store, self.machine.kinds, ref)
        if record is None or record.manifest or records.is_deleted(self.machine.store, ref):
            records.clear_scratch(self.machine.store, ref)
            self.ended.add(str(ref))
        elif checked_at - record.request.created_at < self.machine.settings.heartbeat_interval:
            pass  # the app stores a request before it queues it, and may be about to
        elif record.cancellation is not None and not queued:
            self._end_cancelled(ref)
        elif kind.repair is not None:
            import_function(kind.repair)(self.machine, record.request, queued, checked_at)
        elif not queued:
            self._requeue(record.request)

    def _end_cancelled(self, ref: JobRef) -> None:
        """Write the manifest of a cancelled job that is in no queue: no worker will write it."""
        manifest = cancelled(self.machine, ref, self.machine.ledger.live(ref).started_at)
        records.finish(self.machine.store, self.machine.ledger, ref, manifest)

    def _requeue(self, request: Request) -> None:
        """Queue a lost job again, or end it after its last attempt."""
        ref, machine = request.ref, self.machine
        attempt = machine.ledger.next_attempt(ref)
        if machine.ledger.attempts_in_vain(ref) > machine.settings.max_attempts:
            error = WorkerLost(
                f"The {ref.kind} was started {attempt - 1} times, and its worker died each time."
                " Send the request again."
            )
            manifest = failed(machine, ref, error, None)
            records.finish(machine.store, machine.ledger, ref, manifest)
            return
        log.warning("lost job queued again", job=str(ref), attempt=attempt)
        put(machine.redis, job_call(machine.kinds, request, attempt))


@contextmanager
def _surviving(step: str) -> Iterator[None]:
    """Log an error of one step and go on with the next, unless Redis or the store cannot be reached."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, Unavailable):
        raise
    except Exception:
        log.exception("a step of a round failed", step=step)


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
    started.cleanup(exception_handlers=[on_abandoned])
    FailedJobRegistry(queue=queue).cleanup()
    popped = queue.intermediate_queue
    for rq_id in popped.get_job_ids():
        if popped.should_be_cleaned_up(rq_id):
            popped.remove(rq_id)
        else:
            popped.set_first_seen(rq_id)


def queued_rq_ids(machine: Machine) -> Queued:
    """Return the entries that are waiting, popped, running or scheduled. Ids that are not ours are skipped.

    An entry moves through the lists during the reads. So they are read in the order of its moves, and the first list
    again at the end, because a retry returns there. This way no entry is missed.
    """
    entries: defaultdict[str, set[RqId]] = defaultdict(set)
    for name in QUEUE_NAMES:
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
