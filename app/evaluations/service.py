"""Checks a new evaluation, resolves its options, and queues it. Knows no HTTP."""

from app.evaluations.checks import INPUT_OF_ARM, Inputs, labels_of, option_flaws, warnings_of
from app.evaluations.limits import check_limits
from app.evaluations.schemas import EvaluationCreate
from app.fits import service as fits
from app.fits.service import UsableFit
from app.generators import service as generators
from app.http.idempotency import Created, idempotency_of
from app.jobs import service as jobs
from app.jobs.creating import create_job
from app.jobs.service import JobState
from app.labelsets import service as labelsets
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import GeneratorNotReady
from contracts.errors.tree import Gone, InvalidRequest, NotFound
from contracts.evaluations.evaluation import (
    DEFAULT_ARMS,
    EvaluationRequest,
    ResolvedEvaluationOptions,
)
from contracts.fits.fit import FitRequest, PinnedLabelset
from contracts.generators.generator import StoredGenerator
from contracts.jobs import Idempotency, JobRef, JobStatus
from contracts.labelings import LabelingManifest, LabelingRequest, PinnedLabeling
from contracts.labelsets import LabelsetManifest
from contracts.recipes.recipe import RENDER_VERSION


def create(
    services: Services,
    tenant: str,
    body: EvaluationCreate,
    key: str | None,
    *,
    validate_only: bool = False,
) -> Created[JobState]:
    """Create an evaluation and queue it, or return the one of the Idempotency-Key.

    Raises `InvalidRequest`, or `FitNotReady` when the fit has not succeeded.
    """
    idempotency = idempotency_of(key, "evaluations", body.for_fingerprint())
    return create_job(
        services,
        tenant,
        "evaluation",
        idempotency=idempotency,
        resolve=lambda ref: _resolve(services, ref, body, idempotency),
        expires_after_seconds=body.expires_after_seconds,
        validate_only=validate_only,
    )


def _resolve(
    services: Services, ref: JobRef, body: EvaluationCreate, idempotency: Idempotency | None
) -> EvaluationRequest:
    """Return the request with all options resolved. Raises `InvalidRequest` when its report would be wrong."""
    found = fits.find_ready(services, JobRef(tenant=ref.tenant, id=body.fit))
    fit = found.request
    options = _resolve_options(body)
    inputs = _inputs(services, ref.tenant, found, body)
    labels = labels_of(inputs)
    flaws = [*option_flaws(options, inputs, labels.tasks), *inputs.flaws(labels.tasks)]
    if flaws:
        raise InvalidRequest(
            "The evaluation would fail or mislead; `errors` says why.", flaws=flaws
        )
    num_own = inputs.labeling.num_samples if inputs.labeling else 0
    check_limits(services.settings, options, labels, fit.generator, num_own=num_own)
    return EvaluationRequest(
        tenant=ref.tenant,
        id=ref.id,
        created_at=now(),
        idempotency=idempotency,
        name=body.name,
        seed=body.seed,
        fit=found.pinned,
        labelset=_pin(inputs.training),
        heldout_labelset=_pin(inputs.heldout),
        oracle_labelset=_pin(inputs.oracle) if inputs.oracle else None,
        labeling=_pin_labeling(body.labeling, inputs.labeling),
        labels=labels,
        options=options,
        render_version=RENDER_VERSION,
        warnings=tuple(warnings_of(options, inputs, labels.tasks)),
    )


def _resolve_options(body: EvaluationCreate) -> ResolvedEvaluationOptions:
    """Return the options with the arms: by default those whose inputs are given."""
    given = [arm for arm, field in INPUT_OF_ARM.items() if getattr(body, field) is not None]
    arms = body.options.arms or (*DEFAULT_ARMS, *given)
    return ResolvedEvaluationOptions.model_validate({**body.options.model_dump(), "arms": arms})


def _inputs(services: Services, tenant: str, found: UsableFit, body: EvaluationCreate) -> Inputs:
    """Return the fit, the labelsets and the labeling. Raises `InvalidRequest` for one that cannot be used."""
    fit, oracle = found.request, body.oracle_labelset
    own = body.labelset or fit.labelset.id
    return Inputs(
        fit=fit,
        generator=_generator(services, tenant, fit),
        training=_labelset(services, tenant, own, "/labelset"),
        heldout=_labelset(services, tenant, body.heldout_labelset, "/heldout_labelset"),
        oracle=_labelset(services, tenant, oracle, "/oracle_labelset") if oracle else None,
        fitted=_find_labelset(services, tenant, fit.labelset.id),
        labeling=_labeling(services, tenant, body.labeling, found) if body.labeling else None,
    )


def _generator(services: Services, tenant: str, fit: FitRequest) -> StoredGenerator:
    try:
        return generators.find(services, tenant, fit.generator.id)
    except (NotFound, Gone, GeneratorNotReady) as error:
        raise InvalidRequest.at(
            "/fit", f"The fit's generator cannot be used: {error.detail}"
        ) from None


def _labelset(services: Services, tenant: str, labelset_id: str, pointer: str) -> LabelsetManifest:
    try:
        return labelsets.find(services, tenant, labelset_id)
    except (NotFound, Gone) as error:
        raise InvalidRequest.at(pointer, error.detail) from None


def _labeling(
    services: Services, tenant: str, labeling_id: str, found: UsableFit
) -> LabelingManifest:
    """Return a succeeded labeling of a fit. Raises `InvalidRequest` for any other."""
    try:
        state = jobs.find(services, JobRef(tenant=tenant, id=labeling_id))
    except (NotFound, Gone) as error:
        raise InvalidRequest.at("/labeling", error.detail) from None
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, LabelingRequest)
    if request.fit != found.pinned:
        detail = (
            f"{labeling_id} has labels of {request.fit.id}, but {found.pinned.id} is evaluated. Label the images with"
            f" this fit, or evaluate {request.fit.id}."
        )
        raise InvalidRequest.at("/labeling", detail)
    if state.status is not JobStatus.SUCCEEDED or not isinstance(manifest, LabelingManifest):
        advice = (
            "Wait for its end"
            if manifest is None
            else "Label the images again with POST /v1/labelings"
        )
        detail = (
            f"Expected a labeling that has succeeded, but {labeling_id} is {state.status}. {advice}, then send the"
            " request again."
        )
        raise InvalidRequest.at("/labeling", detail)
    return manifest


def _find_labelset(services: Services, tenant: str, labelset_id: str) -> LabelsetManifest | None:
    try:
        return labelsets.find(services, tenant, labelset_id)
    except (NotFound, Gone):
        return None


def _pin(labelset: LabelsetManifest) -> PinnedLabelset:
    return PinnedLabelset(id=labelset.id, digest=labelset.digest)


def _pin_labeling(
    labeling_id: str | None, manifest: LabelingManifest | None
) -> PinnedLabeling | None:
    if labeling_id is None or manifest is None:
        return None
    return PinnedLabeling(id=labeling_id, digest=manifest.digest)
