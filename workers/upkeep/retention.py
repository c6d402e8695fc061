"""Deletes jobs whose time after their end has passed."""

from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from contracts.errors.tree import NotFound, RecordDamaged
from state import records
from state.leftovers.deleting import delete_job
from state.retention import expiry
from state.retention.expiry import Mark
from workers.runtime.machine import Machine

log = structlog.get_logger()

ABANDONED = timedelta(hours=1)
"""A mark without a job is dropped at this age: the app stores it just before the job."""


def sweep(machine: Machine, tenant: str, checked_at: datetime) -> None:
    """Note the time of jobs that have ended, and delete those whose time has come."""
    for mark in list(expiry.marks(machine.store, tenant)):
        due_at = mark.due_at or _due_at(machine, mark, checked_at)
        if due_at is None:
            continue
        if due_at <= checked_at:
            delete_job(machine.store, machine.ledger, mark.ref)
            machine.store.delete(mark.key)
            log.info("expired job deleted", job=str(mark.ref))
        elif mark.due_at is None:
            expiry.mark_due(machine.store, mark, due_at)


def _due_at(machine: Machine, mark: Mark, checked_at: datetime) -> datetime | None:
    """Return when a job will be deleted, or None while it has not ended. The mark of no job is dropped."""
    with suppress(RecordDamaged):
        try:
            record = records.read_job(machine.store, machine.kinds, mark.ref)
        except NotFound:  # a kind of another version
            return None
        if record is None:
            if checked_at - mark.stored_at > ABANDONED:
                machine.store.delete(mark.key)
        elif record.manifest is not None and record.request.expires_after_seconds is not None:
            seconds = record.request.expires_after_seconds
            return record.manifest.finished_at + timedelta(seconds=seconds)
    return None
