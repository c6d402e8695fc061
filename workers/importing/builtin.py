"""Publishes the built-in generators: every folder in `assets/generators/` becomes a generator that all tenants may use.

The default tenant owns them, as before there were others.

A folder contains generator.safetensors + .json; optional are discriminator and inverter pairs and about.json (license,
source, family). Publishing is idempotent: weights are stored under their digest, the manifest is written last, and an
existing manifest stays.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import structlog

from contracts.base import Model, now
from contracts.digests import digest_of, sha256_of_file
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorRequest,
    StoredGenerator,
    StoredInverter,
    Weights,
)
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.store import Store
from workers.families.family import Family, family_named
from workers.importing.describing import describe
from workers.runtime.artefacts import write_weights
from workers.runtime.machine import Machine
from workers.runtime.weights import BAD_VALUES_REMEDY, first_flaw, read_network

log = structlog.get_logger()

FOLDER = Path(str(files("assets"))) / "generators"
ABOUT = "about.json"

_OF_REQUEST = {"tenant", "id", "created_at", "name", "license", "source"}


class About(Model):
    """about.json: source, license (SPDX id; empty: not stated) and family of a folder's networks.

    It is not part of a network's configuration, so the generator's digest does not depend on it. The default `family`
    is the worker's first one.
    """

    license: str = ""
    source: str = "built in"
    family: str | None = None


def publish_all(machine: Machine, folder: Path = FOLDER) -> None:
    """Publish every generator in `folder` that the store lacks."""
    for source in sorted(path.parent for path in folder.glob("*/generator.json")):
        try:
            publish(machine, source)
        except ValueError:  # a damaged folder must not stop every worker at its start
            log.exception("built-in generator skipped", folder=str(source))


def publish(machine: Machine, source: Path) -> None:
    """Publish one generator under its folder's name, and its inverter before it. Existing objects stay.

    An inverter that is trained later is published at the next start. A name never changes its generator: a folder with
    another generator than the stored one is skipped.

    Raises:
        ValueError: about.json names an unknown family, or a network has weights that are not finite or far too large.
    """
    stored = records.read_generator(machine.store, DEFAULT_TENANT, source.name)
    if stored is not None and stored.digest != _digest(source, "generator"):
        log.warning("skipped, the store has another generator of this name", folder=str(source))
        return
    manifest = stored or _generator(machine, source)
    if (source / "inverter.json").exists():
        _publish_inverter(machine.store, source, manifest.digest)
    _record(machine, manifest)
    if stored is None:
        machine.ledger.index_status(
            JobRef(tenant=DEFAULT_TENANT, id=source.name), JobStatus.SUCCEEDED
        )
        log.info("generator published", generator=source.name, digest=manifest.digest[:12])


def _record(machine: Machine, manifest: StoredGenerator) -> None:
    """Store the generator as a successful import, so that it is used like an uploaded one.

    The outcome is written before the request: a request alone would be queued by the reconciler.
    """
    outcome = GeneratorManifest(
        status=JobStatus.SUCCEEDED,
        started_at=None,
        finished_at=manifest.created_at,
        generator=manifest,
    )
    request = GeneratorRequest(original=None, **manifest.model_dump(include=_OF_REQUEST))
    records.create(machine.store, keys.job_manifest(request.ref), outcome)
    records.create(machine.store, keys.job_request(request.ref), request)


def _generator(machine: Machine, source: Path) -> StoredGenerator:
    weights = _weights(machine.store, source, "generator")
    has_discriminator = (source / "discriminator.json").exists()
    config, _ = read_network(source, "generator")
    about = read_about(source)
    return StoredGenerator(
        tenant=DEFAULT_TENANT,
        id=source.name,
        name=source.name,
        created_at=now(),
        digest=weights.digest,
        weights=weights,
        discriminator=_weights(machine.store, source, "discriminator")
        if has_discriminator
        else None,
        source=about.source,
        license=about.license,
        **describe(_family(machine.families, about), config),
    )


def read_about(source: Path) -> About:
    """Return a folder's about.json, or the defaults if it does not exist."""
    path = source / ABOUT
    return About.model_validate_json(path.read_bytes()) if path.exists() else About()


def _family(families: Sequence[Family], about: About) -> Family:
    return families[0] if about.family is None else family_named(families, about.family)


def _publish_inverter(store: Store, source: Path, generator_digest: str) -> None:
    digest = _digest(source, "inverter")
    key = keys.inverter(DEFAULT_TENANT, source.name, digest)
    stored = records.read_intact(store, key, StoredInverter)
    if stored is not None:
        if not stored.is_built_in:  # earlier versions had no such mark
            records.write(store, key, stored.model_copy(update={"is_built_in": True}))
        return
    inverter = StoredInverter(
        generator_digest=generator_digest,
        digest=digest,
        created_at=now(),
        weights=_weights(store, source, "inverter"),
        is_built_in=True,
    )
    records.create(store, key, inverter)
    log.info("inverter published", generator=source.name, digest=digest[:12])


def _digest(source: Path, name: str) -> str:
    """Return the digest of a pair of files, equal to `Weights.digest`."""
    pair = (source / f"{name}.safetensors", source / f"{name}.json")
    return digest_of([sha256_of_file(path) for path in pair])


def _weights(store: Store, source: Path, name: str) -> Weights:
    flaw = first_flaw(read_network(source, name)[1])
    if flaw is not None:
        raise ValueError(f"In the {name} of {source.name}, {flaw}. {BAD_VALUES_REMEDY}")
    return write_weights(
        store,
        (source / f"{name}.safetensors").read_bytes(),
        (source / f"{name}.json").read_bytes(),
        lambda sha256, suffix: keys.weights(DEFAULT_TENANT, source.name, sha256, suffix),
    )
