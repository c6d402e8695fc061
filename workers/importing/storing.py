"""Stores the networks of a generator, draws its samples, and describes it: an import and a training end here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.generators.generator import GeneratorRequest, StoredGenerator, Weights
from models.serialization import pack, unpack
from state import keys
from workers.families.family import Family
from workers.importing.describing import describe
from workers.importing.generator_samples import draw_samples
from workers.runtime.artefacts import write_artefact, write_weights
from workers.runtime.jobs import Run

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class PackedNetwork:
    """A network as the bytes of its two files, safetensors and JSON, and the parsed JSON."""

    tensors: bytes
    config_json: bytes
    config: dict[str, Any]


def store_generator(
    run: Run,
    family: Family,
    networks: Mapping[str, PackedNetwork],
    *,
    source: str,
    missing: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> StoredGenerator:
    """Store `generator` and, if the family has one, `discriminator`. Every key contains a digest: safe to repeat.

    Raises:
        InvalidCheckpoint: the samples have values that are not finite.
    """
    request = run.read_request(GeneratorRequest)
    packed = networks["generator"]
    generator = family.build_generator(packed.config, unpack(packed.tensors))
    samples = draw_samples(run, generator.to(run.machine.device))
    weights = _store_network(run, packed)
    discriminator = networks.get("discriminator")
    return StoredGenerator(
        **request.model_dump(include={"tenant", "id", "name", "created_at", "license"}),
        source=source,
        digest=weights.digest,
        weights=weights,
        discriminator=_store_network(run, discriminator) if discriminator else None,
        missing=missing,
        warnings=warnings,
        sheet=store_sample(run, samples.sheet, "png", "image/png"),
        statistics=store_sample(run, pack(samples.statistics), "safetensors", BINARY),
        **describe(family, packed.config),
    )


def store_sample(run: Run, data: bytes, suffix: keys.SampleSuffix, media_type: str) -> Artefact:
    """Store a picture of samples, or their statistics, under its digest."""
    key = keys.samples(run.ref.tenant, run.ref.id, sha256_of(data), suffix)
    return write_artefact(run.machine.store, key, data, media_type)


def _store_network(run: Run, packed: PackedNetwork) -> Weights:
    return write_weights(
        run.machine.store,
        packed.tensors,
        packed.config_json,
        lambda sha256, suffix: keys.weights(run.ref.tenant, run.ref.id, sha256, suffix),
    )
