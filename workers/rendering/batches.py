"""Renders a batch: its pilot if it filters, then one shard after another until all records exist, then the manifest.

Each call from the queue does one piece. The other shards wait in the admission, as one entry. A piece may run twice:
the first record of a shard, the first pilot and the first manifest count.
"""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from contracts.batches import BatchManifest, BatchRequest
from contracts.ids import RqId
from contracts.jobs import JobRef, ShardRef
from contracts.kinds import PILOT, SHARD
from state import keys, records
from state.batches.pages import store_finished, store_pages
from state.batches.shards import BatchShards
from state.planning import queue_batch
from workers.codecs.task import codecs_of
from workers.rendering import waiting
from workers.rendering.adoption import adopt_shard
from workers.rendering.documents.cards import store_card
from workers.rendering.documents.croissant import store_croissant
from workers.rendering.documents.origins import origin_of
from workers.rendering.pilots import measure_pilot
from workers.rendering.shards import ShardSpec, render_shard, store_record
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine


def run_pilot(machine: Machine, argument: str, attempt: int) -> None:
    """Measure the batch's pilot, then queue its shards."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _measure)


def run_shard(machine: Machine, argument: str, attempt: int) -> None:
    """Render one shard; after the last one, end the batch."""
    shard = ShardRef.parse(argument)
    jobs.perform(machine, shard.batch, attempt, partial(_render, index=shard.index))


def queue(machine: Machine, request: BatchRequest, shards: Collection[int] | None = None) -> None:
    """Queue shards of the batch, by default all, or its pilot."""
    queue_batch(machine.store, machine.ledger, machine.admission, request, shards)


def completed(machine: Machine, request: BatchRequest, num_finished: int) -> BatchManifest | None:
    """Return the manifest of a batch whose shards all exist, with its card and its Croissant stored, else None.

    Redis counts the shards. The store confirms the last count: without a record, a shard is queued again.
    """
    if num_finished < request.num_shards:
        return None
    store = machine.store
    manifest = store_pages(store, request, on_page=machine.pulse.beat)
    if manifest is None:
        finished = records.finished_shards(store, request.ref)
        BatchShards(store, machine.ledger, request).correct(finished)
        queue(machine, request, sorted(set(range(request.num_shards)) - finished))
        return None
    sources = (
        codecs_of(machine.tasks, request.labels),
        request,
        manifest,
        origin_of(store, request),
    )
    documents = {"card": store_card(store, *sources), "croissant": store_croissant(store, *sources)}
    return manifest.model_copy(update=documents)


def keep_finished(machine: Machine, ref: JobRef, ended: BatchManifest) -> BatchManifest:
    """Return the manifest of a batch that failed or was cancelled, with its finished shards: they stay readable."""
    request = records.read_request(machine.store, ref, BatchRequest)
    if request is None:
        return ended
    return store_finished(machine.store, request, ended)


def repair(
    machine: Machine, request: BatchRequest, rq_ids: Collection[RqId], checked_at: datetime
) -> None:
    """Complete a finished batch, or queue its shards that are neither rendered nor queued. Start one that waited.

    `rq_ids` are the batch's entries in the queues at `checked_at`. A shard waits, is handed to RQ, and then gets its
    record: they are read in this order, so none is missed. One that was handed over since `checked_at` is not lost.
    """
    if request.waits_for is not None:
        started = waiting.start(machine, request, request.waits_for)
        if started is not None:
            queue(machine, started)
        return
    ref = request.ref
    shards = BatchShards(machine.store, machine.ledger, request)
    manifest = completed(machine, request, shards.count())
    if manifest is not None:
        records.finish(machine.store, machine.ledger, ref, manifest)
    if manifest is not None or any(one.part == PILOT.part for one in rq_ids):
        return
    queued = {one.shard for one in rq_ids if one.shard is not None}
    in_admission = machine.admission.waiting_shards(SHARD.queue_for(), request.id)
    lost = shards.lost(queued, in_admission, checked_at - machine.settings.heartbeat_interval)
    if lost:
        queue(machine, request, lost)


def _measure(run: Run) -> None:
    request = run.read_request(BatchRequest)
    step = run.steps("pilot")
    measure_pilot(run.machine, request, step, run.found_first(step))
    queue(run.machine, request)


def _render(run: Run, index: int) -> BatchManifest | None:
    request = run.read_request(BatchRequest)
    if run.machine.store.head(keys.shard_record(run.ref, index)) is None:
        _render_shard(run, request, index)
    shards = BatchShards(run.machine.store, run.machine.ledger, request)
    return completed(run.machine, request, shards.finish(index))


def _render_shard(run: Run, request: BatchRequest, index: int) -> None:
    """Adopt or render one shard, and store its tar and its record."""
    shards = BatchShards(run.machine.store, run.machine.ledger, request)
    num_before = shards.count() * request.shard_size

    def num_done(num_samples: int) -> int:
        return min(num_before + num_samples, request.n)

    record = adopt_shard(run.machine.store, request, index) or render_shard(
        run.machine,
        request,
        ShardSpec(run.ref, index, request.samples(index)),
        on_step=lambda done: run.step("rendering", num_done(done), request.n),
    )
    # before the next step: a worker that stops there must not leave a tar without its record
    store_record(run.machine.store, run.ref, record)
    # a small shard takes less than the second between steps
    run.report_stored("rendering", num_done(record.num_samples), request.n)
