"""Checks a new fit, resolves its options, and queues it. Knows no HTTP."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.fits.flaws import aspect_flaws, condition_flaws, meaning_flaws
from app.fits.schemas import FitCreate, FitFields, InverterChoice
from app.fits.sources import Sent, Source, Stored
from app.generators import service as generators
from app.http.idempotency import RESERVING, Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import FitNotReady
from contracts.errors.tree import Flaw, Gone, InvalidRequest, NotFound
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.metrics import FitMetrics
from contracts.fits.options import (
    FitOptions,
    ResolvedFitOptions,
    resolve_ensemble,
    resolve_inversion,
)
from contracts.generators.families import family_of
from contracts.generators.generator import StoredGenerator
from contracts.jobs import Idempotency, JobRef, JobStatus
from contracts.labelsets import LabelsetManifest
from contracts.recipes.recipe import PinnedFit
from contracts.schemas import TASK_NAMES, LabelSchema, TaskName


@dataclass(frozen=True)
class FitOfFiles:
    """A fit and the files that become its labelset, in one request."""

    fields: FitFields
    source: Sent


def create(
    services: Services,
    tenant: str,
    body: FitCreate | FitOfFiles,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[JobState]:
    """Create a fit and queue it, or return the one of the Idempotency-Key. A refused request stores no labelset either.

    Raises `InvalidRequest`, and for files the errors of `Sent.check`.
    """
    source: Source
    if isinstance(body, FitOfFiles):
        fields, source, lock_ttl = body.fields, body.source, body.source.files.lock_ttl
        fingerprint: object = [fields.for_fingerprint(), body.source.files.fingerprint()]
    else:
        fields, source, lock_ttl = body, Stored(services, tenant, body.labelset), RESERVING
        fingerprint = body.for_fingerprint()
    idempotency = idempotency_of(key, "fits", fingerprint)
    return create_job(
        services,
        tenant,
        "fit",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, fields, idempotency, source),
        claim=source.claim,
        lock_ttl=lock_ttl,
        expires_after_seconds=fields.expires_after_seconds,
        validate_only=validate_only,
    )


@dataclass(frozen=True)
class UsableFit:
    """A fit that has succeeded, or may still succeed: then it has no digest and no metrics."""

    request: FitRequest
    pinned: PinnedFit
    metrics: FitMetrics | None


def find_ready(services: Services, ref: JobRef) -> UsableFit:
    """Return a fit that has succeeded.

    Raises `InvalidRequest` when there is no such fit, and `FitNotReady` when it has not succeeded.
    """
    fit = find_promising(services, ref)
    if fit.pinned.digest is None:
        raise FitNotReady(ref.id, jobs.find(services, ref).status)
    return fit


def find_promising(services: Services, ref: JobRef) -> UsableFit:
    """Return a fit that has succeeded or may succeed.

    Raises `InvalidRequest` when there is no such fit, and `FitNotReady` when it will not succeed.
    """
    try:
        state = jobs.find(services, ref)
    except (NotFound, Gone) as error:
        raise InvalidRequest.at("/fit", error.detail) from None
    request, manifest = state.record.request, state.record.manifest
    if state.status not in (JobStatus.SUCCEEDED, JobStatus.QUEUED, JobStatus.RUNNING):
        raise FitNotReady(ref.id, state.status)
    assert isinstance(request, FitRequest)
    assert isinstance(manifest, FitManifest | None)
    if manifest is None:
        return UsableFit(request, PinnedFit(id=ref.id), None)
    return UsableFit(request, PinnedFit(id=ref.id, digest=manifest.digest), manifest.metrics)


def _resolve(
    services: Services,
    ref: JobRef,
    body: FitFields,
    idempotency: Idempotency | None,
    source: Source,
) -> FitRequest:
    """Return the request with all options resolved. Raises `InvalidRequest` when it would certainly fail."""
    generator = _generator(services, ref.tenant, body.generator)
    inverter_digest = _inverter_digest(services, ref.tenant, generator, body.inverter)
    validation = _validation(services, ref, body.validation_labelset)
    labelset = source.check(ref, idempotency)  # last, because decoding files takes longest
    options = _resolve_options(services, body.options, labelset, generator, source)
    labels = labelset.labels.only(options.tasks)
    pointer, owner = source.pointer, source.owner
    flaws = [
        *aspect_flaws(pointer, labelset, generator, owner=owner),
        *condition_flaws(pointer, labelset, generator, owner=owner),
        *_option_flaws(generator, options),
        *_validation_flaws(labels, validation, generator),
    ]
    if flaws:
        raise InvalidRequest("The fit would fail; `errors` says why.", flaws=flaws)
    return FitRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        name=body.name,
        seed=body.seed,
        generator=generators.pin(generator),
        inverter_digest=inverter_digest,
        labelset=_pin(labelset),
        validation_labelset=_pin(validation) if validation else None,
        labels=labels,
        options=options,
    )


def _resolve_options(
    services: Services,
    options: FitOptions,
    labelset: LabelsetManifest,
    generator: StoredGenerator,
    source: Source,
) -> ResolvedFitOptions:
    """Return the options with presets and defaults as numbers. Raises `InvalidRequest` for a task without labels."""
    return ResolvedFitOptions(
        tasks=_tasks(options.tasks, labelset, source.owner),
        inversion=resolve_inversion(
            options.inversion, has_discriminator=generator.discriminator is not None
        ),
        ensemble=resolve_ensemble(
            options.ensemble, flips_by_default=_inverts_exactly(services, generator)
        ),
        estimate=options.estimate,
        framing=options.framing,
    )


def _inverts_exactly(services: Services, generator: StoredGenerator) -> bool:
    """Return whether codes of images are found without an encoder or a search, so that more images cost nothing."""
    return not family_of(generator, services.families).has_inverters


def _generator(services: Services, tenant: str, generator_id: str) -> StoredGenerator:
    try:
        return generators.find(services, tenant, generator_id)
    except (NotFound, Gone):
        available = ", ".join(generators.list_ids(services, tenant)) or "none yet"
        detail = f"There is no generator '{generator_id}'. Available: {available}."
        raise InvalidRequest.at("/generator", detail) from None


def _validation(
    services: Services, ref: JobRef, labelset_id: str | None
) -> LabelsetManifest | None:
    if labelset_id is None:
        return None
    return Stored(services, ref.tenant, labelset_id, "/validation_labelset").check(ref, None)


def _inverter_digest(
    services: Services, tenant: str, generator: StoredGenerator, choice: InverterChoice
) -> str | None:
    """Return the digest of the chosen inverter, or None without one. Raises `InvalidRequest` for an unknown digest."""
    if choice == "none":
        return None
    inverters = generators.list_inverters(services, tenant, generator)
    digests = [inverter.digest for inverter in inverters]
    if choice == "default":
        return digests[0] if digests else None
    if choice not in digests:
        available = ", ".join(digests) or "none"
        detail = f"Generator '{generator.id}' has no inverter '{choice}'. Available: {available}."
        raise InvalidRequest.at("/inverter", detail)
    return choice


def _pin(labelset: LabelsetManifest) -> PinnedLabelset:
    return PinnedLabelset(id=labelset.id, digest=labelset.digest)


def _tasks(
    requested: Sequence[TaskName] | None, labelset: LabelsetManifest, owner: str
) -> tuple[TaskName, ...]:
    """Return the tasks to learn, in the order of the labelset: the requested ones, or all with labels."""
    available = labelset.labels.tasks
    if requested is None:
        return available
    tasks = tuple(dict.fromkeys((*TASK_NAMES, *available)))
    for index, task in enumerate(requested):
        if task not in tasks:
            detail = f"Expected one of {', '.join(tasks)}, got '{task}'."
            raise InvalidRequest.at(f"/options/tasks/{index}", detail)
    missing = [task for task in requested if task not in available]
    if missing:
        detail = (
            f"Expected labels for {', '.join(missing)} in {owner}, found labels for {', '.join(available)}. Leave these"
            " tasks out, or upload labels for them."
        )
        raise InvalidRequest.at("/options/tasks", detail)
    return tuple(task for task in available if task in requested)


def _option_flaws(generator: StoredGenerator, options: ResolvedFitOptions) -> Iterator[Flaw]:
    inversion = options.inversion
    uses_discriminator = inversion.perceptual == "discriminator" and inversion.perceptual_weight > 0
    if uses_discriminator and generator.discriminator is None:
        detail = (
            f"The perceptual distance needs the generator's discriminator, but '{generator.id}' has none."
            " Set perceptual_weight to 0."
        )
        yield Flaw(pointer="/options/inversion/perceptual_weight", detail=detail)
    if inversion.perceptual_sha256 is not None and inversion.perceptual != "mounted":
        detail = (
            f"Expected no digest of mounted weights, because perceptual is '{inversion.perceptual}'. Set perceptual to"
            " 'mounted', or leave the digest out."
        )
        yield Flaw(pointer="/options/inversion/perceptual_sha256", detail=detail)


def _validation_flaws(
    labels: LabelSchema, validation: LabelsetManifest | None, generator: StoredGenerator
) -> Iterator[Flaw]:
    """Yield the flaws of a validation labelset. It needs labels with the same meaning, for at least one task."""
    if validation is None:
        return
    pointer = "/validation_labelset"
    yield from aspect_flaws(pointer, validation, generator)
    yield from condition_flaws(pointer, validation, generator)
    common = [task for task in labels.tasks if task in validation.labels.tasks]
    if not common:
        detail = (
            f"It has labels for {', '.join(validation.labels.tasks)}, but the fit learns {', '.join(labels.tasks)}."
            " Upload one that has labels for one of these."
        )
        yield Flaw(pointer=pointer, detail=detail)
    yield from meaning_flaws(pointer, labels, validation.labels.only(common))
