"""Finds generators and their inverters in the store. Knows no HTTP."""

from app.services import Services
from contracts import keys, records
from contracts.errors import NotFound
from contracts.generators import GeneratorManifest, InverterManifest


def find(services: Services, tenant: str, generator_id: str) -> GeneratorManifest:
    """The generator. Raises `NotFound`."""
    key = keys.manifest(tenant, "generators", generator_id)
    manifest = records.read(services.store, key, GeneratorManifest)
    if manifest is None:
        raise NotFound("generator", generator_id)
    return manifest


def list_ids(services: Services, tenant: str) -> list[str]:
    """The ids of all generators, in order. There are few: no page is needed."""
    ids = services.store.children(keys.noun_prefix(tenant, "generators"))
    return [
        generator_id
        for generator_id in ids
        if services.store.head(keys.manifest(tenant, "generators", generator_id))
    ]


def list_inverters(services: Services, generator: GeneratorManifest) -> list[InverterManifest]:
    """The generator's inverters, newest first."""
    prefix = keys.inverters_prefix(generator.tenant, generator.id)
    found = (
        records.read(services.store, info.key, InverterManifest)
        for info in services.store.list(prefix)
        if info.key.endswith(".json")
    )
    fitting = (
        inverter
        for inverter in found
        if inverter is not None and inverter.generator_digest == generator.digest
    )
    return sorted(fitting, key=lambda inverter: inverter.created_at, reverse=True)
