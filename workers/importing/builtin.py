"""Publishes the built-in generators: every folder in `assets/generators/` becomes a generator of the default tenant.

A folder holds generator.safetensors + .json, and may hold discriminator and inverter pairs and about.json (license,
source). Publishing is idempotent: weights lie under their own digests, the manifest is written last, and the first one
stands.
"""

import json
from importlib.resources import files
from pathlib import Path

import structlog

from contracts.base import Model, now
from contracts.digests import digest_of, sha256_of_file
from contracts.generators import (
    GeneratorManifest,
    GeneratorRequest,
    StoredGenerator,
    StoredInverter,
    Weights,
)
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from models.generators.stylegan2.config import GeneratorConfig
from state import keys, records
from workers.importing.describing import describe
from workers.runtime.artefacts import write_weights
from workers.runtime.machine import Machine
from workers.runtime.values import BAD_VALUES_MEND, first_flaw
from workers.runtime.weights import read_network

log = structlog.get_logger()

FOLDER = Path(str(files("assets"))) / "generators"
ABOUT = "about.json"

_OF_REQUEST = {"tenant", "id", "created_at", "name", "license", "source"}


class About(Model):
    """about.json: what a folder's networks were made from, and their license by its SPDX id (empty: not stated).

    It is no part of a network's configuration, so the generator's digest does not depend on it.
    """

    license: str = ""
    source: str = "built in"


def publish_all(machine: Machine, folder: Path = FOLDER) -> None:
    """Publish every generator in `folder` that the store lacks."""
    for source in sorted(path.parent for path in folder.glob("*/generator.json")):
        try:
            publish(machine, source)
        except ValueError:  # one damaged folder must not keep every worker from starting
            log.exception("passed over", folder=str(source))


def publish(machine: Machine, source: Path) -> None:
    """Publish one generator under its folder's name, and its inverter before it; what is there already stays.

    An inverter that is trained later is published then. A name stands for one generator for ever: a folder that holds
    another one than the store is passed over.

    Raises:
        ValueError: a network in the folder has weights that are not finite, or absurdly large.
    """
    standing = records.read_generator(machine.store, DEFAULT_TENANT, source.name)
    if standing is not None and standing.digest != _digest(source, "generator"):
        log.warning("passed over: the store has another generator of this name", folder=str(source))
        return
    manifest = standing or _generator(machine, source)
    if (source / "inverter.json").exists():
        _publish_inverter(machine, source, manifest.digest)
    _record(machine, manifest)
    if standing is None:
        machine.ledger.index_add(DEFAULT_TENANT, "generators", [source.name])
        log.info("published", generator=source.name, digest=manifest.digest[:12])


def _record(machine: Machine, manifest: StoredGenerator) -> None:
    """Keeps the generator as an import that has succeeded: to everybody it is one like those that were uploaded.

    The request comes after the outcome here: alone it would be work for the reconciler.
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
    weights = _weights(machine, source, "generator")
    has_discriminator = (source / "discriminator.json").exists()
    config = GeneratorConfig.from_dict(json.loads((source / "generator.json").read_text()))
    about = read_about(source)
    return StoredGenerator(
        tenant=DEFAULT_TENANT,
        id=source.name,
        name=source.name,
        created_at=now(),
        digest=weights.digest,
        weights=weights,
        discriminator=_weights(machine, source, "discriminator") if has_discriminator else None,
        source=about.source,
        license=about.license,
        **describe(config),
    )


def read_about(source: Path) -> About:
    """Return what a folder says of its networks; the defaults where it has no about.json."""
    path = source / ABOUT
    return About.model_validate_json(path.read_bytes()) if path.exists() else About()


def _publish_inverter(machine: Machine, source: Path, generator_digest: str) -> None:
    digest = _digest(source, "inverter")
    key = keys.inverter(DEFAULT_TENANT, source.name, digest)
    if machine.store.head(key) is not None:
        return
    inverter = StoredInverter(
        generator_digest=generator_digest,
        digest=digest,
        created_at=now(),
        weights=_weights(machine, source, "inverter"),
    )
    records.create(machine.store, key, inverter)
    log.info("published an inverter", generator=source.name, digest=digest[:12])


def _digest(source: Path, name: str) -> str:
    """What `Weights.digest` will say of a pair of files."""
    pair = (source / f"{name}.safetensors", source / f"{name}.json")
    return digest_of([sha256_of_file(path) for path in pair])


def _weights(machine: Machine, source: Path, name: str) -> Weights:
    flaw = first_flaw(read_network(source, name)[1])
    if flaw is not None:
        raise ValueError(f"In its {name}, {flaw}. {BAD_VALUES_MEND}")
    return write_weights(
        machine,
        (source / f"{name}.safetensors").read_bytes(),
        (source / f"{name}.json").read_bytes(),
        lambda sha256, suffix: keys.weights(DEFAULT_TENANT, source.name, sha256, suffix),
    )
