"""Decides whether a fit can be made of what was sent, resolves every choice, and submits it. Knows no HTTP."""

from collections.abc import Iterator, Sequence

from app.fits.schemas import FitCreate, InverterChoice
from app.generators import service as generators
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.labelsets import service as labelsets
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import FitNotReady
from contracts.errors.tree import Flaw, Gone, InvalidRequest, NotFound
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.options import (
    FitOptions,
    ResolvedFitOptions,
    resolve_ensemble,
    resolve_inversion,
)
from contracts.generators.generator import StoredGenerator
from contracts.jobs import Idempotency, JobRef, JobStatus
from contracts.labelsets import LabelsetManifest
from contracts.schemas import LabelSchema, TaskName


def create(services: Services, tenant: str, body: FitCreate, key: str | None) -> Created[JobState]:
    """Makes a fit and queues it, or finds the one that this Idempotency-Key has made."""
    idempotency = idempotency_of(key, "fits", body.model_dump(mode="json"))
    return jobs.create(
        services,
        tenant,
        "fit",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, body, idempotency),
    )


def find_ready(services: Services, ref: JobRef) -> tuple[FitRequest, FitManifest]:
    """The fit and what it made, to render by. Raises `FitNotReady` unless it has succeeded."""
    try:
        state = jobs.find(services, ref)
    except (NotFound, Gone) as error:
        raise InvalidRequest.at("/fit", error.detail) from None
    request, manifest = state.record.request, state.record.manifest
    if state.status is not JobStatus.SUCCEEDED:
        raise FitNotReady(ref.id, state.status)
    assert isinstance(request, FitRequest)
    assert isinstance(manifest, FitManifest)
    return request, manifest


def _resolve(
    services: Services, ref: JobRef, body: FitCreate, idempotency: Idempotency | None
) -> FitRequest:
    """The request as it will be run. Raises `InvalidRequest` for what cannot be run."""
    generator = _generator(services, ref.tenant, body.generator)
    labelset = _labelset(services, ref.tenant, body.labelset, "/labelset")
    validation = (
        _labelset(services, ref.tenant, body.validation_labelset, "/validation_labelset")
        if body.validation_labelset
        else None
    )
    options = _resolve_options(body.options, labelset, generator)
    labels = labelset.labels.only(options.tasks)
    flaws = [
        *_aspect_flaws("/labelset", labelset, generator),
        *_option_flaws(generator, options),
        *_validation_flaws(labels, validation, generator),
    ]
    if flaws:
        raise InvalidRequest("No fit can be made of this; see errors.", flaws=flaws)
    return FitRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        name=body.name,
        seed=body.seed,
        generator=generators.pin(generator),
        inverter_digest=_inverter_digest(services, generator, body.inverter),
        labelset=_pin(labelset),
        validation_labelset=_pin(validation) if validation else None,
        labels=labels,
        options=options,
    )


def _resolve_options(
    wanted: FitOptions, labelset: LabelsetManifest, generator: StoredGenerator
) -> ResolvedFitOptions:
    """Every preset and default as numbers. Raises `InvalidRequest` for a task that the labelset has no labels for."""
    return ResolvedFitOptions(
        tasks=_tasks(wanted.tasks, labelset),
        inversion=resolve_inversion(
            wanted.inversion, has_discriminator=generator.discriminator is not None
        ),
        ensemble=resolve_ensemble(wanted.ensemble),
        estimate=wanted.estimate,
        framing=wanted.framing,
    )


def _generator(services: Services, tenant: str, generator_id: str) -> StoredGenerator:
    try:
        return generators.find(services, tenant, generator_id)
    except (NotFound, Gone):
        known = ", ".join(generators.list_ids(services, tenant)) or "none yet"
        detail = f"There is no generator '{generator_id}'. There is: {known}."
        raise InvalidRequest.at("/generator", detail) from None


def _labelset(services: Services, tenant: str, labelset_id: str, pointer: str) -> LabelsetManifest:
    try:
        return labelsets.find(services, tenant, labelset_id)
    except (NotFound, Gone) as error:
        raise InvalidRequest.at(pointer, error.detail) from None


def _inverter_digest(
    services: Services, generator: StoredGenerator, choice: InverterChoice
) -> str | None:
    """The inverter to start from: the newest by default, the named one, or none."""
    if choice == "none":
        return None
    known = [found.digest for found in generators.list_inverters(services, generator)]
    if choice == "default":
        return known[0] if known else None
    if choice not in known:
        offer = ", ".join(known) or "none"
        detail = f"Generator '{generator.id}' has no inverter '{choice}'. It has: {offer}."
        raise InvalidRequest.at("/inverter", detail)
    return choice


def _pin(labelset: LabelsetManifest) -> PinnedLabelset:
    return PinnedLabelset(id=labelset.id, digest=labelset.digest)


def _tasks(wanted: Sequence[TaskName] | None, labelset: LabelsetManifest) -> tuple[TaskName, ...]:
    """The tasks to learn, in the usual order: those wanted, or all that the labelset has labels for."""
    offered = labelset.labels.tasks
    if wanted is None:
        return offered
    missing = [task for task in wanted if task not in offered]
    if missing:
        detail = (
            f"{labelset.id} has no labels for {', '.join(missing)}; it has {', '.join(offered)}. Leave those tasks out,"
            " or upload a labelset that has them."
        )
        raise InvalidRequest.at("/options/tasks", detail)
    return tuple(task for task in offered if task in wanted)


def _aspect_flaws(
    pointer: str, labelset: LabelsetManifest, generator: StoredGenerator
) -> Iterator[Flaw]:
    """Images are resized to the generator's size, so they need its aspect ratio, within one pixel."""
    height_px, width_px = generator.height_px, generator.width_px
    for entry in labelset.entries:
        off = abs(entry.width_px * height_px - entry.height_px * width_px)
        if off > max(height_px, width_px):
            detail = (
                f"Image '{entry.name}' of {labelset.id} is {entry.width_px} x {entry.height_px}, but generator"
                f" '{generator.id}' makes {width_px} x {height_px}. Crop image and mask to that"
                " aspect ratio and upload the labelset again."
            )
            yield Flaw(pointer=pointer, file=entry.name, detail=detail)


def _option_flaws(generator: StoredGenerator, options: ResolvedFitOptions) -> Iterator[Flaw]:
    wanted = options.inversion
    measured_by_it = wanted.perceptual == "discriminator" and wanted.perceptual_weight > 0
    if measured_by_it and generator.discriminator is None:
        detail = (
            f"The perceptual distance is measured by the generator's discriminator, and '{generator.id}' came"
            " without one. Set perceptual_weight to 0."
        )
        yield Flaw(pointer="/options/inversion/perceptual_weight", detail=detail)
    if wanted.perceptual_sha256 is not None and wanted.perceptual != "mounted":
        detail = (
            f"It pins mounted weights, but perceptual is '{wanted.perceptual}'. Set perceptual to 'mounted', or leave"
            " the digest out."
        )
        yield Flaw(pointer="/options/inversion/perceptual_sha256", detail=detail)


def _validation_flaws(
    labels: LabelSchema, validation: LabelsetManifest | None, generator: StoredGenerator
) -> Iterator[Flaw]:
    """A validation labelset needs labels for one of the tasks at least, and they must mean the same."""
    if validation is None:
        return
    pointer = "/validation_labelset"
    yield from _aspect_flaws(pointer, validation, generator)
    common = [task for task in labels.tasks if task in validation.labels.tasks]
    if not common:
        detail = (
            f"It has labels for {', '.join(validation.labels.tasks)}; the fit learns {', '.join(labels.tasks)}."
            " Upload one that has labels for one of these."
        )
        yield Flaw(pointer=pointer, detail=detail)
    for what, ours, theirs in _meanings(labels, validation.labels.only(common)):
        if ours != theirs:
            detail = (
                f"Its {what} are {', '.join(theirs)}; those of the labelset are {', '.join(ours)}."
                f" Upload it with the same {what} in the same order."
            )
            yield Flaw(pointer=pointer, detail=detail)


def _meanings(
    ours: LabelSchema, theirs: LabelSchema
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What two schemas must agree on, where both have it."""
    if ours.classes and theirs.classes:
        yield "classes", ours.classes, theirs.classes
    if ours.keypoints and theirs.keypoints:
        yield "keypoints", ours.keypoints.names, theirs.keypoints.names
    if ours.depth and theirs.depth:
        yield "units of depth", (ours.depth.unit,), (theirs.depth.unit,)
