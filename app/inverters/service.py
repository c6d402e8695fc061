"""Queues the training of inverters, and deletes inverters. Knows no HTTP."""

from app.generators import service as generators
from app.http.idempotency import Created, idempotency_of
from app.inverters.schemas import InverterCreate
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.errors.tree import InvalidRequest
from contracts.generators.families import family_of
from contracts.generators.generator import PinnedGenerator
from contracts.generators.inverters import InverterManifest, InverterRequest
from contracts.jobs import JobRef
from state import keys, records


def create(
    services: Services,
    tenant: str,
    generator_id: str,
    body: InverterCreate,
    *,
    key: str | None,
    validate_only: bool = False,
) -> Created[JobState]:
    """Queue a training, or return the one of the Idempotency-Key.

    Raises `NotFound`, `Gone`, `GeneratorNotReady`, or `InvalidRequest` for a family that has no inverters.
    """
    idempotency = idempotency_of(key, "inverters", [generator_id, body.model_dump(mode="json")])

    def resolve(ref: JobRef) -> InverterRequest:
        return InverterRequest(
            tenant=tenant,
            id=ref.id,
            created_at=now(),
            idempotency=idempotency,
            seed=body.seed,
            generator=_pin(services, tenant, generator_id),
            options=body.options,
        )

    return create_job(
        services,
        tenant,
        "inverter",
        idempotency=idempotency,
        resolve=resolve,
        validate_only=validate_only,
    )


def _pin(services: Services, tenant: str, generator_id: str) -> PinnedGenerator:
    generator = generators.find(services, tenant, generator_id)
    family = family_of(generator, services.families)
    if not family.has_inverters:
        raise InvalidRequest(
            f"Generators of the family '{family.name}' need no inverter. Create a fit of '{generator_id}' directly."
        )
    return generators.pin(generator)


def delete(services: Services, ref: JobRef) -> None:
    """Delete a training that has ended, and its inverter, which later fits can no longer use."""
    request = records.read_intact(services.store, keys.job_request(ref), InverterRequest)
    manifest = records.read_intact(services.store, keys.job_manifest(ref), InverterManifest)
    if request is not None and manifest is not None:
        _delete_inverter(services, request, manifest)
    jobs.delete(services, ref)


def _delete_inverter(
    services: Services, request: InverterRequest, manifest: InverterManifest
) -> None:
    """Delete an inverter, and its weights unless another inverter has them: equal weights are stored once."""
    if manifest.inverter is None:
        return
    tenant, generator_id = request.tenant, request.generator.id
    services.store.delete(keys.inverter(tenant, generator_id, manifest.inverter.digest))
    others = records.read_inverters(services.store, tenant, generator_id)
    kept = {half.key for other in others for half in other.weights.halves}
    for half in manifest.inverter.weights.halves:
        if half.key not in kept:
            services.store.delete(half.key)
