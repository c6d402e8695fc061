"""Imports an uploaded checkpoint as a generator: fetch it, convert it in a child process, draw samples, store all.

The key of every object contains its digest and the manifest is written last, so an import may safely run twice. The
original is deleted when the job has ended, with or without success.
"""

from pathlib import Path

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.errors.jobs import InputMissing
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorMetrics,
    GeneratorRequest,
    StoredGenerator,
    Weights,
)
from contracts.generators.import_options import NO_OPTIONS
from contracts.jobs import JobRef, JobStatus
from models.serialization import pack
from state import keys, records
from state.spooling import spool_folder
from state.uploads import delete_upload
from workers.families.family import family_named
from workers.importing.converting import CHECKPOINT, convert
from workers.importing.describing import describe
from workers.importing.generator_samples import draw_samples
from workers.importing.uploads import fetch
from workers.runtime import jobs
from workers.runtime.artefacts import store_inverter, write_artefact, write_weights
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.weights import read_network

BINARY = "application/octet-stream"


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the import that `argument` names, and delete the original once the import has ended."""
    ref = JobRef.parse(argument)
    jobs.perform(machine, ref, attempt, _import)
    request = records.read_request(machine.store, ref, GeneratorRequest)
    if records.has_ended(machine.store, ref) and request is not None:
        _discard(machine, request)


def _import(run: Run) -> GeneratorManifest:
    request = run.read_request(GeneratorRequest)
    if request.original is None:
        raise InputMissing(f"The request of '{run.ref}' names no upload. Send a new request.")
    with spool_folder() as folder:
        fetch(run, request.original, folder / CHECKPOINT)
        converted = convert(run, folder, request.import_options or NO_OPTIONS)
        family = family_named(run.machine.families, converted.family)
        config, tensors = read_network(folder, "generator")
        generator = family.build_generator(config, tensors).to(run.machine.device)
        samples = draw_samples(run, generator)
        inverter = _read_pair(folder, "inverter") if converted.has_inverter else None
        weights = _store_network(run, "generator", folder)
        discriminator = (
            _store_network(run, "discriminator", folder) if converted.has_discriminator else None
        )
    stored = StoredGenerator(
        **request.model_dump(include={"tenant", "id", "name", "created_at", "license"}),
        source=f"{request.source} ({converted.format})",
        digest=weights.digest,
        weights=weights,
        discriminator=discriminator,
        missing=converted.missing,
        warnings=converted.warnings,
        sheet=_store_sample(run, samples.sheet, "png", "image/png"),
        statistics=_store_sample(run, pack(samples.statistics), "safetensors", BINARY),
        **describe(family, config),
    )
    if inverter is not None:
        store_inverter(run.machine.store, stored, *inverter)
    return GeneratorManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        generator=stored,
        metrics=GeneratorMetrics(
            stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()}
        ),
    )


def _store_network(run: Run, name: str, folder: Path) -> Weights:
    return write_weights(
        run.machine.store,
        *_read_pair(folder, name),
        lambda sha256, suffix: keys.weights(run.ref.tenant, run.ref.id, sha256, suffix),
    )


def _read_pair(folder: Path, name: str) -> tuple[bytes, bytes]:
    """Return the tensors and the configuration of a network."""
    return (folder / f"{name}.safetensors").read_bytes(), (folder / f"{name}.json").read_bytes()


def _store_sample(run: Run, data: bytes, suffix: keys.SampleSuffix, media_type: str) -> Artefact:
    key = keys.samples(run.ref.tenant, run.ref.id, sha256_of(data), suffix)
    return write_artefact(run.machine.store, key, data, media_type)


def _discard(machine: Machine, request: GeneratorRequest) -> None:
    if request.original is not None:
        delete_upload(
            machine.store, request.tenant, keys.parse_upload_content(request.original.key)
        )
