"""Uploads that nobody needs any more are deleted, and no others."""

from datetime import timedelta

import pytest

from contracts.base import now
from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus, Tombstone
from contracts.uploads import UploadManifest
from state import keys, records
from tests.workers.importing.imports import ask_import
from workers.runtime.machine import Machine
from workers.upkeep.reconcile import Reconciler

LONG_AGO = now() - timedelta(days=3)


@pytest.fixture
def request_(machine: Machine) -> GeneratorRequest:
    """An import that waits for a worker, of bytes that were announced long ago."""
    return ask_import(machine, b"a checkpoint", created_at=LONG_AGO)


def uploads(machine: Machine) -> tuple[str, ...]:
    """The ids of the uploads that are left after the reconciler's round."""
    Reconciler(machine).reconcile()
    return machine.store.children(keys.noun_prefix(DEFAULT_TENANT, "uploads"))


def upload_id(request: GeneratorRequest) -> str:
    """The id of the upload that an import claims."""
    assert request.original is not None
    return keys.parse_upload_content(request.original.key)


def test_what_waits_for_a_worker_is_kept(machine: Machine, request_: GeneratorRequest) -> None:
    """However long no worker is there, the import finds its file."""
    assert uploads(machine) == (upload_id(request_),)


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED])
def test_what_the_reconciler_ends_is_deleted_too(
    machine: Machine, request_: GeneratorRequest, status: JobStatus
) -> None:
    """No worker of the import is left to delete the original."""
    ended = records.ended_without_result(GeneratorManifest, status, None)  # type: ignore[arg-type]  # one of the parameters
    records.finish(machine.store, machine.ledger, request_.ref, ended)
    assert uploads(machine) == ()


def test_what_was_deleted_takes_its_original_with_it(
    machine: Machine, request_: GeneratorRequest
) -> None:
    """The generator was deleted before its original was."""
    machine.store.delete(keys.job_request(request_.ref))
    gone = Tombstone(deleted_at=now())
    records.write(machine.store, keys.job_tombstone(request_.ref), gone)
    assert uploads(machine) == ()


@pytest.mark.parametrize(("announced", "num_left"), [(now(), 1), (LONG_AGO, 0)])
def test_what_nobody_used_in_time_is_deleted(
    machine: Machine, request_: GeneratorRequest, announced: object, num_left: int
) -> None:
    """An upload that no job was made of is kept for a day."""
    key = keys.manifest(DEFAULT_TENANT, "uploads", upload_id(request_))
    manifest = records.read(machine.store, key, UploadManifest)
    assert manifest is not None
    records.write(machine.store, key, manifest.model_copy(update={"created_at": announced}))
    machine.store.delete(keys.upload_claim(DEFAULT_TENANT, upload_id(request_)))
    assert len(uploads(machine)) == num_left


def test_what_an_interrupted_delete_left_is_deleted(
    machine: Machine, request_: GeneratorRequest
) -> None:
    """Without its manifest an upload is nothing."""
    machine.store.delete(keys.manifest(DEFAULT_TENANT, "uploads", upload_id(request_)))
    assert uploads(machine) == ()
