"""Imports an uploaded checkpoint as a generator: fetch it, convert it in a child process, draw samples, store all.

The key of every object contains its digest and the manifest is written last, so an import may safely run twice. The
original is deleted when the job has ended, with or without success.
"""

import json
from pathlib import Path

from contracts.base import now
from contracts.errors.jobs import InputMissing
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorMetrics,
    GeneratorRequest,
)
from contracts.generators.import_options import NO_OPTIONS
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.process.spooling import spool_folder
from state.uploads import delete_upload
from workers.families.family import family_named
from workers.importing.converting import CHECKPOINT, convert
from workers.importing.storing import PackedNetwork, store_generator
from workers.importing.uploads import fetch
from workers.runtime import jobs
from workers.runtime.artefacts import store_inverter
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the import that `argument` names, and delete the original once the import has ended."""
    ref = JobRef.parse(argument)
    jobs.perform(machine, ref, attempt, _import)
    request = records.read_request(machine.store, ref, GeneratorRequest)
    if records.has_ended(machine.store, ref) and request is not None:
        discard_original(machine, request)


def _import(run: Run) -> GeneratorManifest:
    request = run.read_request(GeneratorRequest)
    if request.original is None:
        raise InputMissing(f"The request of '{run.ref}' names no upload. Send a new request.")
    with spool_folder() as folder:
        fetch(run, request.original, folder / CHECKPOINT)
        converted = convert(run, folder, request.import_options or NO_OPTIONS)
        networks = {name: _read_packed(folder, name) for name in converted.networks}
    inverter = networks.pop("inverter", None)
    stored = store_generator(
        run,
        family_named(run.machine.families, converted.family),
        networks,
        source=f"{request.source} ({converted.format})",
        missing=converted.missing,
        warnings=converted.warnings,
    )
    if inverter is not None:
        store_inverter(
            run.machine.store, stored.tenant, stored, inverter.tensors, inverter.config_json
        )
    return GeneratorManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        generator=stored,
        metrics=GeneratorMetrics(
            stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()}
        ),
    )


def _read_packed(folder: Path, name: str) -> PackedNetwork:
    config_json = (folder / f"{name}.json").read_bytes()
    tensors = (folder / f"{name}.safetensors").read_bytes()
    return PackedNetwork(tensors, config_json, json.loads(config_json))


def discard_original(machine: Machine, request: GeneratorRequest) -> None:
    """Delete the upload of an import or a training that has ended."""
    if request.original is not None:
        delete_upload(
            machine.store, request.tenant, keys.parse_upload_content(request.original.key)
        )
