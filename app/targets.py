"""Checks the targets of a batch or a stream before it is created. Knows no HTTP.

Whether the generator meets them often enough is measured by the pilot, which a worker runs.
"""

from collections.abc import Sequence

from app.generators import service as generators
from app.services import Services
from contracts.errors.conflicts import GeneratorNotReady
from contracts.errors.tree import Gone, InvalidRequest, NotFound
from contracts.generators.families import family_of
from contracts.generators.generator import PinnedGenerator
from contracts.recipes.targets import (
    DirectionTarget,
    DistributionTarget,
    Target,
    class_names,
    groups_of,
)
from contracts.schemas import LabelSchema

POINTER = "/targets"
_ROUNDING = 1e-9
_MAX_NAMES = 20


def check_targets(
    services: Services,
    tenant: str,
    pinned: PinnedGenerator,
    labels: LabelSchema,
    targets: Sequence[Target],
) -> None:
    """Raise `InvalidRequest` for targets that no sample of the fit can meet, whatever its generator renders."""
    if not targets:
        return
    if not labels.num_classes:
        detail = (
            f"Expected no targets, because the fit has no masks, only {', '.join(labels.tasks)}. Leave them out, or"
            " use a fit with masks."
        )
        raise InvalidRequest.at(POINTER, detail)
    for index, target in enumerate(targets):
        _check_names(index, target, labels.classes)
        _check_repeated(index, targets)
        _check_shares(index, target)
    _check_room(targets)
    directions = [i for i, one in enumerate(targets) if isinstance(one, DirectionTarget)]
    if directions:
        _check_family(services, tenant, pinned, directions[0])


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


def _check_family(services: Services, tenant: str, pinned: PinnedGenerator, index: int) -> None:
    try:
        generator = generators.find(services, tenant, pinned.id)
    except (NotFound, Gone, GeneratorNotReady) as error:
        raise InvalidRequest.at(POINTER, error.detail) from None
    family = family_of(generator, services.families)
    if not family.is_steerable:
        detail = (
            f"Expected no directions, because generator '{pinned.id}' of family {family.name} has no codes that can be"
            " moved. Use a presence or a distribution, or a fit of a StyleGAN2 generator."
        )
        raise InvalidRequest.at(f"{POINTER}/{index}", detail)
