"""The reconciler: a loop that repairs the damage of killed workers, a flushed Redis or an interrupted request.

It compares the store (requests and manifests) with the queues (waiting and running jobs) and queues lost jobs again.
Several reconcilers may run; a lock admits one at a time. Each repair is safe to do twice.
"""

import math
import time
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial

import structlog
from pydantic import ValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from contracts.base import is_recent, now
from contracts.errors.jobs import WorkerLost
from contracts.errors.tree import NotFound, RecordDamaged, Unavailable
from contracts.ids import RqId
from contracts.jobs import JobRef, JobStatus, Request
from contracts.kinds import QUEUE_NAMES, RETENTION
from state import keys, records, redis_keys
from state.delivering import paths as delivery_paths
from state.delivering.orders import wake as wake_delivery
from state.listing.statuses import UNREADABLE, StatusIndex
from state.queues import job_call, open_queue
from state.records import JobRecord
from state.waiting.attention import Attention
from workers.delivering.sender import DeliverySender
from workers.runtime import on_demand
from workers.runtime.functions import import_function
from workers.runtime.jobs import cancelled, failed
from workers.runtime.machine import Machine
from workers.runtime.poison import purge
from workers.runtime.pulse import show_life
from workers.upkeep import orphans
from workers.upkeep.indexes import check, index_of, unchecked_server
from workers.upkeep.queues import Queued, admit, clean_registries, drop_poison, queued_rq_ids
from workers.upkeep.stop_signal import StopSignal
from workers.upkeep.tenants import TenantUpkeep
from workers.webhooks.sender import WebhookSender

log = structlog.get_logger()

LOCK = "reconcile"
LOCK_INTERVALS = 4
"""A reconciler that is killed in a round blocks the others for this many intervals. Two at once do no harm."""
LONGEST_WAIT_SECONDS = 1.0
"""The longest delay of a signal, and of the next attempt after an error."""


class Reconciler:
    """The reconciler of one process. `absent` holds the listed jobs that had no request in the last round."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.name = f"reconciler-{uuid.uuid4().hex}"
        self.absent: set[str] = set()
        self._tenants = TenantUpkeep(machine, self.name)
        self._webhooks = WebhookSender(machine, self.name)
        self._deliveries = DeliverySender(machine, self.name)
        self._beat_at = -math.inf
        self._retries = RQScheduler(
            QUEUE_NAMES, connection=machine.redis, serializer=JSONSerializer
        )
        self._retries.prepare_registries(QUEUE_NAMES)

    def run(self) -> None:
        """Repair every `reconcile_interval` until SIGTERM or SIGINT; a round is never interrupted.

        Between the rounds, end cancelled jobs as soon as they leave their queue, and start those whose wait is over.
        """
        stop = StopSignal()
        settings, pause = self.machine.settings, 0.0
        interval = settings.reconcile_interval.total_seconds()
        next_round = time.monotonic() + interval
        self._webhooks.start()
        self._deliveries.start()
        while not stop.arrives_within(pause):
            try:
                pause = 0.0
                self._beat()
                if time.monotonic() < next_round:
                    self.attend(min(LONGEST_WAIT_SECONDS, interval))
                else:
                    next_round = time.monotonic() + interval
                    self.reconcile()
                    show_life(settings.alive_path)
            except (RedisError, Unavailable) as error:
                log.warning("a round was postponed", error=str(error))
                pause = LONGEST_WAIT_SECONDS
            except Exception:  # the next round may succeed
                log.exception("a round failed")
                pause = LONGEST_WAIT_SECONDS
        self._webhooks.stop()
        self._deliveries.stop()
        with suppress(RedisError):
            self.machine.ledger.remove_reconciler(self.name)

    def attend(self, seconds: float) -> None:
        """Wait for a job that needs attention, at most `seconds`.

        End a cancelled one unless a worker has it, start one whose wait is over, and deliver one that has ended.
        """
        job = Attention(self.machine.ledger).next(seconds)
        if job is None:
            return
        with _surviving("job that needs attention"):
            ref = JobRef.parse(job)
            record = records.read_job(self.machine.store, self.machine.kinds, ref)
            if record is not None and record.manifest is not None:
                if self.machine.store.head(delivery_paths.mark(ref)) is not None:
                    wake_delivery(self.machine.ledger, ref)
                return
            if record is None:
                return
            repair = self.machine.kinds.of(ref).repair
            if record.cancellation is not None:
                self._end_cancelled(record.request, queued_rq_ids(self.machine).get(ref.id, set()))
            elif record.request.waits_for is not None and repair is not None:
                import_function(repair)(self.machine, record.request, set(), now())

    def reconcile(self) -> None:
        """Do one round, unless another reconciler is doing one."""
        ttl = self.machine.settings.reconcile_interval * LOCK_INTERVALS
        if not self.machine.ledger.try_lock(LOCK, self.name, ttl):
            return
        try:
            self._repair()
        finally:
            self.machine.ledger.unlock(LOCK, self.name)

    def _beat(self) -> None:
        """Record a step, once per `heartbeat_interval`: a reconciler that hangs in a step counts as dead."""
        if (
            time.monotonic() - self._beat_at
            >= self.machine.settings.heartbeat_interval.total_seconds()
        ):
            self._beat_at = time.monotonic()
            self.machine.ledger.record_reconciler(self.name)

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
        with _surviving("parts of tenants"):
            self._tenants.publish_parts()
        with _surviving("rates"):
            self._tenants.fold_rates()
        with _surviving("admission"):
            admit(self.machine)
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
        with _surviving("orphans"):
            orphans.sweep(self.machine, checked_at, self._beat)
        server = unchecked_server(self.machine)
        for tenant in self._tenants.names():
            with _surviving("indexes"):
                check(self.machine, tenant, self.name, everything=server is not None)
            self._repair_tenant(tenant, queued, checked_at)
        if server is not None:  # after the comparisons: a store that is away ends the round before
            self.machine.ledger.redis.set(redis_keys.CHECKED_SERVER, server)

    def _repair_tenant(self, tenant: str, queued: Queued | None, checked_at: datetime) -> None:
        self._tenants.round(tenant, checked_at, _surviving)
        if queued is not None:
            for kind in self.machine.kinds:
                self._repair_kind(tenant, kind.noun, queued, checked_at)

    def _repair_kind(
        self, tenant: str, noun: keys.Noun, queued: Queued, checked_at: datetime
    ) -> None:
        """Repair the unfinished jobs of one kind. Their records are read together: one by one takes minutes.

        A job that cannot be read, or whose repair fails, does not stop the others.
        """
        index = index_of(self.machine, tenant, noun)
        jobs = index.unfinished()
        with ThreadPoolExecutor(records.READ_AT_ONCE) as pool:
            for job_id, read in zip(jobs, pool.map(partial(self._read, tenant), jobs), strict=True):
                with _surviving(f"job of {tenant}"):
                    self._beat()
                    if isinstance(read, Exception):
                        log.error("unreadable job skipped", job=job_id, error=str(read))
                        index.fill({job_id: UNREADABLE})
                    elif read is None:
                        self._drop(index, JobRef(tenant=tenant, id=job_id))
                    else:
                        self._repair_job(read, queued, checked_at)

    def _read(self, tenant: str, job_id: str) -> JobRecord | Exception | None:
        try:
            ref = JobRef(tenant=tenant, id=job_id)
            return records.read_job(self.machine.store, self.machine.kinds, ref)
        except (ValidationError, RecordDamaged, NotFound) as error:
            return error

    def _drop(self, index: StatusIndex, ref: JobRef) -> None:
        """Remove a listed job without a request. The app may be about to store it, so it needs two rounds."""
        records.clear_scratch(self.machine.store, ref)
        if records.is_deleted(self.machine.store, ref):
            index.remove(ref.id, is_deleted=True)
        elif ref.id in self.absent:
            index.remove(ref.id, is_deleted=False)
            self.absent.discard(ref.id)
        else:
            self.absent.add(ref.id)

    def _forget_dead_workers(self, checked_at: datetime) -> None:
        """Remove workers that were killed long ago: they never removed themselves."""
        for beat in self.machine.ledger.workers():
            if not beat.is_fresh(checked_at, RETENTION):
                self.machine.ledger.remove_worker(beat.worker)

    def _repair_job(self, record: JobRecord, all_queued: Queued, checked_at: datetime) -> None:
        ref = record.request.ref
        queued, kind = all_queued.get(ref.id, set()), self.machine.kinds.of(ref)
        is_waiting = bool(queued) and kind.repair is None
        if is_waiting and record.manifest is None and record.cancellation is None:
            return  # most unfinished jobs: no further request
        if record.manifest or records.is_deleted(self.machine.store, ref):
            records.clear_scratch(self.machine.store, ref)
            if record.manifest is not None:
                status = JobStatus(record.manifest.status)
                self.machine.ledger.publish_missing_end(ref, status)
        elif is_recent(
            record.request.created_at, checked_at, self.machine.settings.heartbeat_interval
        ):
            pass  # the app stores a request before it queues it, and may be about to
        elif record.cancellation is not None:
            self._end_cancelled(record.request, queued)
        elif kind.repair is not None:
            import_function(kind.repair)(self.machine, record.request, queued, checked_at)
        else:
            self._requeue(record.request)

    def _end_cancelled(self, request: Request, queued: Collection[RqId]) -> None:
        """Write the manifest of a cancelled job that no worker has. Its waiting entries are removed.

        A worker that has the job stops at its next step and writes the manifest.
        """
        ref, machine = request.ref, self.machine
        queue = machine.kinds.of(ref).task_for(request).queue_for(request)
        if set(queued) - machine.admission.withdraw(queue, ref.id):
            return
        manifest = cancelled(machine, ref, machine.ledger.live(ref).started_at)
        records.finish(machine.store, machine.ledger, ref, manifest)

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
        machine.admission.put(job_call(machine.kinds, request, attempt))


@contextmanager
def _surviving(step: str) -> Iterator[None]:
    """Log an error of one step and go on with the next, unless Redis or the store cannot be reached."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, Unavailable):
        raise
    except Exception:
        log.exception("a step of a round failed", step=step)
