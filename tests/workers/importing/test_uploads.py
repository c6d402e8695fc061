"""Only unneeded uploads are deleted."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus, Tombstone
from contracts.uploads import UploadManifest
from state import keys, records
from tests.workers.importing.imports import request_import
from workers.runtime.machine import Machine
from workers.upkeep.reconcile import Reconciler

LONG_AGO = now() - timedelta(days=3)


@pytest.fixture
def request_(machine: Machine) -> GeneratorRequest:
    """Return an import that waits for a worker; its upload was announced long ago."""
    return request_import(machine, b"a checkpoint", created_at=LONG_AGO)


def uploads(machine: Machine) -> tuple[str, ...]:
    """Run a round of the reconciler; return the ids of the remaining uploads."""
    Reconciler(machine).reconcile()
    return machine.store.children(keys.noun_prefix(DEFAULT_TENANT, "uploads"))


def upload_id(request: GeneratorRequest) -> str:
    """Return the id of the upload that an import claims."""
    assert request.original is not None
    return keys.parse_upload_content(request.original.key)


def test_the_upload_of_a_waiting_import_is_kept(
    machine: Machine, request_: GeneratorRequest
) -> None:
    """However long an import waits for a worker, it finds its file."""
    assert uploads(machine) == (upload_id(request_),)


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED])
def test_the_upload_of_an_ended_import_is_deleted(
    machine: Machine, request_: GeneratorRequest, status: JobStatus
) -> None:
    """The reconciler ended the import, so no worker deletes the original."""
    ended = records.ended_without_result(GeneratorManifest, status, None)  # type: ignore[arg-type]  # one of the parameters
    records.finish(machine.store, machine.ledger, request_.ref, ended)
    assert uploads(machine) == ()


def test_the_upload_of_a_deleted_generator_is_deleted(
    machine: Machine, request_: GeneratorRequest
) -> None:
    """The generator was deleted before its original."""
    machine.store.delete(keys.job_request(request_.ref))
    gone = Tombstone(deleted_at=now())
    records.write(machine.store, keys.job_tombstone(request_.ref), gone)
    assert uploads(machine) == ()


@pytest.mark.parametrize(("announced", "num_left"), [(now(), 1), (LONG_AGO, 0)])
def test_an_unused_upload_is_deleted_after_a_day(
    machine: Machine, request_: GeneratorRequest, announced: object, num_left: int
) -> None:
    """An upload without a job is kept until then."""
    key = keys.manifest(DEFAULT_TENANT, "uploads", upload_id(request_))
    manifest = records.read(machine.store, key, UploadManifest)
    assert manifest is not None
    records.write(machine.store, key, manifest.model_copy(update={"created_at": announced}))
    machine.store.delete(keys.upload_claim(DEFAULT_TENANT, upload_id(request_)))
    assert len(uploads(machine)) == num_left


def test_the_rest_of_an_interrupted_delete_is_deleted(
    machine: Machine, request_: GeneratorRequest
) -> None:
    """An upload without a manifest is not complete."""
    machine.store.delete(keys.manifest(DEFAULT_TENANT, "uploads", upload_id(request_)))
    assert uploads(machine) == ()
