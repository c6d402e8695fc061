"""Checks the targets of a batch or a stream before it is created, resolves their defaults, and warns. Knows no HTTP.

Whether the generator meets them often enough is measured by the pilot, which a worker runs.
"""

from collections.abc import Sequence
from statistics import median

from app.generators import service as generators
from app.services import Services
from contracts.errors.conflicts import GeneratorNotReady
from contracts.errors.tree import Gone, InvalidRequest, NotFound
from contracts.fits.fit import FitRequest
from contracts.fits.metrics import WEAK_IOU, FitMetrics, TaskMetrics
from contracts.generators.families import family_of
from contracts.labelsets import LabelsetManifest
from contracts.recipes.targets import (
    DEFAULT_MIN_PIXELS,
    DirectionTarget,
    DistributionTarget,
    Target,
    class_names,
    groups_of,
)
from state import keys, records

POINTER = "/targets"
_ROUNDING = 1e-9
_MAX_NAMES = 20


def resolve_targets(
    services: Services, fit: FitRequest, targets: Sequence[Target]
) -> tuple[Target, ...]:
    """Return the targets of samples of a fit with all defaults.

    Raises `InvalidRequest` for targets that no sample can meet, whatever the generator renders.
    """
    if not targets:
        return ()
    if not fit.labels.num_classes:
        detail = (
            f"Expected no targets, because the fit has no masks, only {', '.join(fit.labels.tasks)}. Leave them out,"
            " or use a fit with masks."
        )
        raise InvalidRequest.at(POINTER, detail)
    for index, target in enumerate(targets):
        _check_names(index, target, fit.labels.classes)
        _check_repeated(index, targets)
        _check_shares(index, target)
    directions = [i for i, one in enumerate(targets) if isinstance(one, DirectionTarget)]
    if directions:
        advice = "Use a presence or a distribution"
        check_steerable(services, fit, f"{POINTER}/{directions[0]}", "directions", advice)
    least = _least_pixels(services, fit)
    resolved = tuple(target.resolved(least) for target in targets)
    _check_room(resolved)
    return resolved


def warnings_of(targets: Sequence[Target], metrics: FitMetrics | None) -> tuple[str, ...]:
    """Return a warning for each class of the targets that the fit labels badly: its mistakes are selected too.

    Held-out images say so, else the fit's estimate. A fit with neither gives no warning.
    """
    scores: TaskMetrics | None = None if metrics is None else metrics.heldout or metrics.estimate
    if scores is None:
        return ()
    source = "estimated" if scores is (metrics and metrics.estimate) else "measured"
    names = dict.fromkeys(name for target in targets for name in class_names(target))
    return tuple(
        _weakness(name, scores.class_iou.get(name), source)
        for name in names
        if (scores.class_iou.get(name) or 0.0) < WEAK_IOU
    )


def _weakness(name: str, iou: float | None, source: str) -> str:
    found = "too few labelled images contain it for an estimate"
    if iou is not None:
        found = f"its {source} IoU is {iou:.2f}, below {WEAK_IOU}"
    return (
        f"The fit labels class '{name}' badly: {found}. Many of the samples that it labels with '{name}' may have none."
        f" Look at some, or fit again with more labelled images that contain '{name}'."
    )


def _least_pixels(services: Services, fit: FitRequest) -> dict[str, float]:
    """Return for each class half of the median share of pixels in the labelled images that contain it."""
    key = keys.manifest(fit.tenant, "labelsets", fit.labelset.id)
    labelset = records.read(services.store, key, LabelsetManifest)
    entries = [] if labelset is None else [one for one in labelset.entries if one.class_pixels]
    least = {}
    for index, name in enumerate(fit.labels.classes):
        shares = [
            one.class_pixels[index] / (one.height_px * one.width_px)
            for one in entries
            if one.class_pixels[index]
        ]
        least[name] = float(f"{median(shares) / 2:.3g}") if shares else DEFAULT_MIN_PIXELS
    return least


def _check_names(index: int, target: Target, classes: Sequence[str]) -> None:
    unknown = [name for name in class_names(target) if name not in classes]
    if unknown:
        more = "" if len(classes) <= _MAX_NAMES else f" and {len(classes) - _MAX_NAMES} more"
        detail = (
            f"Expected classes of the fit ({', '.join(classes[:_MAX_NAMES])}{more}), got"
            f" '{unknown[0]}'."
        )
        raise InvalidRequest.at(f"{POINTER}/{index}", detail)


def _check_repeated(index: int, targets: Sequence[Target]) -> None:
    """Raise `InvalidRequest` for a class that an earlier target of the same sort names: one would not be met."""
    is_direction = isinstance(targets[index], DirectionTarget)
    for earlier in range(index):
        if isinstance(targets[earlier], DirectionTarget) != is_direction:
            continue
        both = set(class_names(targets[earlier])) & set(class_names(targets[index]))
        if both:
            sort = "direction" if is_direction else "target of images"
            detail = (
                f"Expected at most one {sort} for each class, got '{min(both)}' also in target {earlier}:"
                " they contradict each other. Remove one."
            )
            raise InvalidRequest.at(f"{POINTER}/{index}", detail)


def _check_shares(index: int, target: Target) -> None:
    if isinstance(target, DistributionTarget):
        total = sum(target.images.values())
        if total > 1 + _ROUNDING:
            detail = f"Expected shares that add up to at most 1, got {total:g}: each image has one class of them."
            raise InvalidRequest.at(f"{POINTER}/{index}/images", detail)


def _check_room(targets: Sequence[Target]) -> None:
    """Raise `InvalidRequest` if an image needs more pixels than it has."""
    needed = [
        max((one.min_pixels for one in group if one.images > 0), default=0.0)
        for group in groups_of(targets)
    ]
    if sum(needed) > 1 + _ROUNDING:
        detail = (
            f"Expected shares of pixels (min_pixels) that fit into one image, got {sum(needed):g} of its pixels"
            " together: some images must contain all of these classes. Choose smaller ones."
        )
        raise InvalidRequest.at(POINTER, detail)


def check_steerable(
    services: Services, fit: FitRequest, pointer: str, option: str, advice: str
) -> None:
    """Raise `InvalidRequest` for an option that needs codes which cost little, if the fit's generator has none."""
    try:
        generator = generators.find(services, fit.tenant, fit.generator.id)
    except (NotFound, Gone, GeneratorNotReady) as error:
        raise InvalidRequest.at(pointer, error.detail) from None
    family = family_of(generator, services.families)
    if not family.is_steerable:
        detail = (
            f"Expected no {option}, because generator '{generator.id}' of family {family.name} has no codes that can"
            f" be moved or compared before the image is made. {advice}, or use a fit of a StyleGAN2 generator."
        )
        raise InvalidRequest.at(pointer, detail)
