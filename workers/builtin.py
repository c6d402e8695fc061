"""Publishes the built-in generators: every folder in `workers/builtin/` becomes a generator of the default tenant.

A folder holds generator.safetensors + .json, and may hold discriminator and inverter pairs. Publishing is idempotent:
weights lie under their own digests, the manifest is written last, and the first one stands.
"""

import json
from pathlib import Path

import structlog

from contracts import keys, records
from contracts.digests import digest_of, sha256_of_file
from contracts.generators import GeneratorManifest, InverterManifest, Weights
from contracts.ids import DEFAULT_TENANT
from contracts.shapes import now
from models.stylegan2.config import GeneratorConfig
from workers.artefacts import write_weights
from workers.machine import Machine

log = structlog.get_logger()

FOLDER = Path(__file__).parent / "builtin"
LICENCE = "same as this repository"


def publish_all(machine: Machine, folder: Path = FOLDER) -> None:
    """Publish every generator in `folder` that the store lacks."""
    for source in sorted(path.parent for path in folder.glob("*/generator.json")):
        publish(machine, source)


def publish(machine: Machine, source: Path) -> None:
    """Publish one generator under its folder's name, and its inverter before it; what is there already stays.

    An inverter that is trained later is published then. A name stands for one generator for ever: a folder that holds
    another one than the store is passed over.
    """
    key = keys.manifest(DEFAULT_TENANT, "generators", source.name)
    standing = records.read(machine.store, key, GeneratorManifest)
    if standing is not None and standing.digest != _digest(source, "generator"):
        log.warning("passed over: the store has another generator of this name", folder=str(source))
        return
    manifest = standing or _generator(machine, source)
    if (source / "inverter.json").exists():
        _publish_inverter(machine, source, manifest.digest)
    if standing is None:
        records.create(machine.store, key, manifest)
        machine.ledger.index_add(DEFAULT_TENANT, "generators", [source.name])
        log.info("published", generator=source.name, digest=manifest.digest[:12])


def _generator(machine: Machine, source: Path) -> GeneratorManifest:
    weights = _weights(machine, source, "generator")
    has_discriminator = (source / "discriminator.json").exists()
    config = GeneratorConfig.from_dict(json.loads((source / "generator.json").read_text()))
    height_px, width_px = config.image_px
    return GeneratorManifest(
        tenant=DEFAULT_TENANT,
        id=source.name,
        name=source.name,
        created_at=now(),
        digest=weights.digest,
        architecture="stylegan2",
        height_px=height_px,
        width_px=width_px,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        num_ws=config.num_ws,
        weights=weights,
        discriminator=_weights(machine, source, "discriminator") if has_discriminator else None,
        source="built in",
        licence=LICENCE,
    )


def _publish_inverter(machine: Machine, source: Path, generator_digest: str) -> None:
    digest = _digest(source, "inverter")
    key = keys.inverter(DEFAULT_TENANT, source.name, digest)
    if machine.store.head(key) is not None:
        return
    inverter = InverterManifest(
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
    return write_weights(
        machine,
        (source / f"{name}.safetensors").read_bytes(),
        (source / f"{name}.json").read_bytes(),
        lambda sha256, suffix: keys.weights(DEFAULT_TENANT, source.name, sha256, suffix),
    )
