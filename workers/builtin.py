"""Publishes the built-in generators: every folder in `workers/builtin/` becomes a generator of the default tenant.

A folder holds generator.safetensors + .json, and may hold discriminator and inverter pairs. Publishing is idempotent:
weights lie under their own digests, the manifest is written last, and the first one stands.
"""

import json
from pathlib import Path

import structlog

from contracts import keys, records
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
    """Publish one generator under its folder's name, its inverter before it, unless it is there."""
    key = keys.manifest(DEFAULT_TENANT, "generators", source.name)
    if machine.store.head(key) is not None:
        return
    manifest = _generator(machine, source)
    if (source / "inverter.json").exists():
        inverter = _inverter(machine, source, manifest.digest)
        records.create(
            machine.store, keys.inverter(DEFAULT_TENANT, source.name, inverter.digest), inverter
        )
    records.create(machine.store, key, manifest)
    machine.ledger.index_add(DEFAULT_TENANT, "generators", [source.name])
    log.info("published a built-in generator", generator=source.name, digest=manifest.digest[:12])


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


def _inverter(machine: Machine, source: Path, generator_digest: str) -> InverterManifest:
    weights = _weights(machine, source, "inverter")
    return InverterManifest(
        generator_digest=generator_digest,
        digest=weights.digest,
        created_at=now(),
        weights=weights,
    )


def _weights(machine: Machine, source: Path, name: str) -> Weights:
    return write_weights(
        machine,
        (source / f"{name}.safetensors").read_bytes(),
        (source / f"{name}.json").read_bytes(),
        lambda sha256, suffix: keys.weights(DEFAULT_TENANT, source.name, sha256, suffix),
    )
