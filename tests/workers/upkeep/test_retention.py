"""Jobs that expire are deleted some time after their end, and no others."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.retention import expiry
from tests.workers.scene import Scene
from workers.runtime.machine import Machine
from workers.upkeep.retention import sweep

TENANT = "default"


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a fit that is deleted an hour after its end, as the app stores it."""
    request = scene.request_fit().model_copy(update={"expires_after_seconds": 3_600})
    records.write(scene.machine.store, keys.job_request(request.ref), request)
    expiry.mark(scene.machine.store, request.ref)
    return request


def end(machine: Machine, fit: FitRequest) -> None:
    """Cancel a fit, as a worker does."""
    manifest = machine.kinds.of(fit.ref).manifest
    cancelled = records.ended_without_result(manifest, JobStatus.CANCELLED, None)
    records.finish(machine.store, machine.ledger, fit.ref, cancelled)


def num_marks(machine: Machine) -> int:
    """Return the number of marks."""
    return len(list(expiry.marks(machine.store, TENANT)))


def test_a_job_is_deleted_after_its_time(machine: Machine, fit: FitRequest) -> None:
    """Counted from its end, with everything that it stored. The tombstone stays."""
    sweep(machine, TENANT, now() + timedelta(days=9))
    end(machine, fit)
    for minutes in (1, 59):
        sweep(machine, TENANT, now() + timedelta(minutes=minutes))
        assert records.has_ended(machine.store, fit.ref)
        assert num_marks(machine) == 1
    sweep(machine, TENANT, now() + timedelta(minutes=61))
    assert records.is_deleted(machine.store, fit.ref)
    (tombstone,) = machine.store.list(keys.job_prefix(fit.ref))
    assert tombstone.key == keys.job_tombstone(fit.ref)
    assert num_marks(machine) == 0


def test_a_job_without_a_mark_is_kept(machine: Machine, scene: Scene) -> None:
    """As every job of an earlier version is."""
    kept = scene.request_fit()
    end(machine, kept)
    sweep(machine, TENANT, now() + timedelta(days=1_000))
    assert records.has_ended(machine.store, kept.ref)


def test_a_killed_sweep_is_repeated(machine: Machine, fit: FitRequest) -> None:
    """It had deleted the job, or left both marks."""
    end(machine, fit)
    (mark,) = expiry.marks(machine.store, TENANT)
    expiry.mark_due(machine.store, mark, now())
    expiry.mark(machine.store, fit.ref)
    for _ in range(2):
        sweep(machine, TENANT, now() + timedelta(hours=3))
    assert num_marks(machine) == 0
    assert records.is_deleted(machine.store, fit.ref)


def test_a_mark_without_a_job_is_dropped(machine: Machine) -> None:
    """The app was killed in between. A young one may still get its job; one of another program is left."""
    expiry.mark(machine.store, JobRef(tenant=TENANT, id=new_id("batch")))
    machine.store.put("tenants/default/expiring/x", b"")
    sweep(machine, TENANT, now())
    assert num_marks(machine) == 1
    sweep(machine, TENANT, now() + timedelta(hours=2))
    assert num_marks(machine) == 0
