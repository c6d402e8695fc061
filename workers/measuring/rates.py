"""Notes what a job that succeeded has cost, for the predictions of later ones."""

from datetime import datetime

import structlog

from contracts.accounts.estimates import RateNote
from contracts.base import now
from contracts.batches import BatchManifest
from contracts.errors.tree import RecordDamaged, StoreUnavailable
from contracts.jobs import JobManifest, JobRef
from state import keys, records
from state.estimates.rates import rates
from state.estimates.work import work_of
from workers.runtime.machine import Machine

log = structlog.get_logger()


def note_rate(machine: Machine, ref: JobRef, manifest: JobManifest, started_at: datetime) -> None:
    """Store a note about a job that this worker has ended. `started_at` is the start of its only attempt.

    No job fails for it.
    """
    try:
        request = records.read_request(machine.store, ref, machine.kinds.of(ref).request)
        work = work_of(machine.store, request) if request is not None else None
        if work is None:
            return
        seconds, num_bytes = _measured(machine, ref, manifest, started_at)
        note = RateNote(
            work=work.name,
            device=machine.device_class,
            units=work.units,
            byte_units=work.byte_units,
            seconds=seconds,
            num_bytes=num_bytes,
            at=now(),
        )
        rates(machine.store).note(note)
    except (StoreUnavailable, RecordDamaged, OSError) as error:
        log.warning("cost not noted", job=str(ref), error=str(error))


def _measured(
    machine: Machine, ref: JobRef, manifest: JobManifest, started_at: datetime
) -> tuple[float, float]:
    """Return the seconds of the device and the bytes of the results. Several workers render a batch."""
    if isinstance(manifest, BatchManifest):
        return manifest.render_seconds, manifest.num_bytes
    seconds = (manifest.finished_at - started_at).total_seconds()
    return max(seconds, 0), sum(info.num_bytes for info in machine.store.list(keys.job_prefix(ref)))
