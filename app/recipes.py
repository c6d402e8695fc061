"""The request fields that batches and streams share, and how they are pinned. Knows no HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from app.fits import service as fits
from app.generators import service as generators
from app.services import Services
from app.targets import resolve_targets, warnings_of
from contracts.base import Model, Seed, Truncation
from contracts.errors.conflicts import GeneratorNotReady
from contracts.errors.tree import Gone, InvalidRequest, NotFound
from contracts.generators.generator import PinnedGenerator
from contracts.ids import FitId
from contracts.jobs import JobRef
from contracts.recipes.conditions import ConditionChoice, ConditionShares, resolve_condition
from contracts.recipes.recipe import RENDER_VERSION, Filter, IgnoreAbove, ImageFormat, NumSoftLabels
from contracts.recipes.targets import Targets
from contracts.schemas import LabelSchema

POINTER = "/condition"
MASK_OPTIONS = ("soft_labels", "ignore_above")
"""The fields of a request that concern its masks alone."""


class RecipeCreate(Model):
    """The fit that renders the samples, and every option that determines them.

    `condition` chooses the classes of a class-conditional generator: one, several with equal shares, or a weight for
    each. Without it the generator draws a class for every sample, all equally often. `soft_labels` keeps the most
    probable classes of each pixel with their probabilities. Pixels with an uncertainty above `ignore_above` are ignored
    in the mask. `targets` say which share of the images contains a class, or move every image toward more or
    less of it.
    """

    fit: FitId
    seed: Seed = 0
    truncation: Truncation = 0.7
    filter: Filter | None = None
    image_format: ImageFormat = "png"
    shard_size: Annotated[int, Field(ge=1, le=4_096)] | None = None
    condition: ConditionChoice | None = None
    soft_labels: NumSoftLabels | None = None
    ignore_above: IgnoreAbove | None = None
    targets: Targets = ()

    def for_fingerprint(self) -> dict[str, Any]:
        """Return the body as JSON for the fingerprint of an Idempotency-Key.

        Without later options it is the body of earlier versions, so that their keys still match after an update.
        """
        later = (
            "condition",
            "targets",
            *MASK_OPTIONS,
            "expires_after_seconds",
            "deliver_to",
            "steering",
        )
        absent = {name for name in later if getattr(self, name, None) in (None, ())}
        return self.model_dump(mode="json", exclude=absent)


def pin(
    services: Services, tenant: str, body: RecipeCreate, *, may_wait: bool = False
) -> dict[str, Any]:
    """Return the fields of a `Recipe` with all defaults and the digest of the fit.

    With `may_wait` the fit may still be queued or running, and has no digest then. Its classes are known already.

    Raises `InvalidRequest` if the fit does not exist, its generator lacks a requested condition, its labels do not
    support an option of masks or no sample can meet the targets, `FitNotReady` if the fit has not succeeded.
    """
    find = fits.find_promising if may_wait else fits.find_ready
    found = find(services, JobRef(tenant=tenant, id=body.fit))
    fit = found.request
    check_mask_options(fit.labels, body.soft_labels, body.ignore_above)
    return {
        "fit": found.pinned,
        "seed": body.seed,
        "truncation": body.truncation,
        "filter": body.filter,
        "image_format": body.image_format,
        "shard_size": body.shard_size or services.settings.shard_size,
        "render_version": RENDER_VERSION,
        "labels": fit.labels,
        "condition": _condition(services, tenant, fit.generator, body.condition),
        "soft_labels": body.soft_labels,
        "ignore_above": body.ignore_above,
        "targets": resolve_targets(services, fit, body.targets),
        "warnings": warnings_of(body.targets, found.metrics),
    }


def check_mask_options(
    labels: LabelSchema, soft_labels: int | None, ignore_above: float | None
) -> None:
    """Raise `InvalidRequest` for an option of masks if there are no masks, or fewer classes than soft labels keep."""
    for name, value in zip(MASK_OPTIONS, (soft_labels, ignore_above), strict=True):
        if value is not None and not labels.num_classes:
            detail = (
                f"Expected no {name}, because the fit has no masks, only {', '.join(labels.tasks)}. Leave it out, or"
                " use a fit with masks."
            )
            raise InvalidRequest.at(f"/{name}", detail)
    if soft_labels is not None and soft_labels > labels.num_classes:
        detail = f"Expected at most {labels.num_classes}, the number of classes of the fit, got {soft_labels}."
        raise InvalidRequest.at("/soft_labels", detail)


def _condition(
    services: Services, tenant: str, pinned: PinnedGenerator, choice: ConditionChoice | None
) -> ConditionShares | None:
    """Return the share of each requested condition. Raises `InvalidRequest` for one that the generator lacks."""
    if choice is None:
        return None
    num_classes = _num_classes(services, tenant, pinned)
    try:
        shares = resolve_condition(choice)
    except ValueError as error:
        raise InvalidRequest.at(POINTER, f"{str(error).capitalize()}.") from None
    _check_classes(pinned, num_classes, [int(name) for name in shares or {}])
    return shares


def check_condition(
    services: Services, tenant: str, pinned: PinnedGenerator, condition: int | None
) -> None:
    """Raise `InvalidRequest` for a class that the generator does not have."""
    if condition is not None:
        _check_classes(pinned, _num_classes(services, tenant, pinned), [condition])


def _num_classes(services: Services, tenant: str, pinned: PinnedGenerator) -> int:
    try:
        return generators.find(services, tenant, pinned.id).num_classes
    except (NotFound, Gone, GeneratorNotReady) as error:
        raise InvalidRequest.at(POINTER, error.detail) from None


def _check_classes(pinned: PinnedGenerator, num_classes: int, requested: Sequence[int]) -> None:
    if not num_classes:
        detail = (
            f"Expected no condition, because generator '{pinned.id}' has no classes. Leave the condition out, or use a"
            " fit of a class-conditional generator."
        )
        raise InvalidRequest.at(POINTER, detail)
    wrong = [number for number in requested if number >= num_classes]
    if wrong:
        got = ", ".join(map(str, wrong[:10]))
        detail = (
            f"Expected classes from 0 to {num_classes - 1} of generator '{pinned.id}', got {got}."
        )
        raise InvalidRequest.at(POINTER, detail)
