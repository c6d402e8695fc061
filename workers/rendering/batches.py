"""A batch: its pilot if it filters, then one shard after another until all records are there, then the manifest.

Each call from the queue does one piece and queues what comes next. Doing a piece twice changes nothing: the first
record of a shard, the first pilot and the first manifest stand.
"""

from functools import partial

from contracts.batches import BatchManifest, BatchRequest, ShardRecord, batch_manifest
from contracts.errors.jobs import InputMissing
from contracts.jobs import JobRef, ShardRef
from state import keys, records
from state.planning import next_calls
from workers.rendering.cards import store_card
from workers.rendering.pilots import measure_pilot
from workers.rendering.shards import ShardPlace, render_shard, store_record
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.queues import put


def run_pilot(machine: Machine, argument: str, attempt: int) -> None:
    """Measures the batch's pilot, then queues its first shards."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _measure)


def run_shard(machine: Machine, argument: str, attempt: int) -> None:
    """Renders one shard, then queues the next, or ends the batch."""
    shard = ShardRef.parse(argument)
    jobs.perform(machine, shard.batch, attempt, partial(_render, index=shard.index))


def queue_next(machine: Machine, request: BatchRequest) -> None:
    """Queues what brings the batch forward now."""
    for call in next_calls(machine.store, machine.ledger, request, machine.settings):
        put(machine.redis, call)


def completed(machine: Machine, request: BatchRequest) -> BatchManifest | None:
    """Return the manifest of a batch whose shards are all stored, with its dataset card stored, else None."""
    if len(records.shards_done(machine.store, request.ref)) < request.num_shards:
        return None
    manifest = batch_manifest(request, records.shard_records(machine.store, request.ref))
    card = store_card(machine.store, machine.tasks, request, manifest)
    return manifest.model_copy(update={"card": card})


def _measure(run: Run) -> None:
    request = _read_request(run)
    measure_pilot(run.machine, request, run.steps("pilot"))
    queue_next(run.machine, request)


def _render(run: Run, index: int) -> BatchManifest | None:
    request = _read_request(run)
    if run.machine.store.head(keys.shard_record(run.ref, index)) is None:
        store_record(run.machine, run.ref, _render_shard(run, request, index))
    run.machine.ledger.release_shard(run.ref, index)
    queue_next(run.machine, request)
    return completed(run.machine, request)


def _read_request(run: Run) -> BatchRequest:
    request = records.read(run.machine.store, keys.job_request(run.ref), BatchRequest)
    if request is None:
        raise InputMissing(f"The request of '{run.ref}' is gone.")
    return request


def _render_shard(run: Run, request: BatchRequest, index: int) -> ShardRecord:
    """Renders and stores the tar of one shard; the record that pins it is the caller's to write."""
    num_before = len(records.shards_done(run.machine.store, run.ref)) * request.shard_size

    def num_done(num_samples: int) -> int:
        return min(num_before + num_samples, request.n)

    record = render_shard(
        run.machine,
        request,
        ShardPlace(run.ref, index, request.samples(index)),
        watch=lambda done: run.step("rendering", num_done(done), request.n),
    )
    # a small shard takes less than the second between steps
    run.tell("rendering", num_done(record.num_samples), request.n)
    return record
