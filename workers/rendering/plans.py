"""Plans: from the samples of a pilot to predictors and directions for the targets of a recipe.

A plan fails early, with numbers, when the fit's samples hardly ever meet the targets.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

import torch

from contracts.base import now
from contracts.errors.jobs import AcceptanceTooLow
from contracts.recipes.pilots import PlannedClass, StoredPredictor, TargetPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.targets import ClassTarget, class_targets, directions_of, groups_of
from models.arrays import Shift, StyleVectors
from models.sampling import Candidate
from models.targets.constraints import Flags
from models.targets.costs import Costs, costs_of
from models.targets.directions import NoDirection, class_directions
from models.targets.predictor import Fitted, Predictor, fit_predictor
from workers.rendering.pilot_samples import PilotSamples, pilot_renderer
from workers.rendering.targeting import constraints_of
from workers.runtime.machine import Machine

MAX_CANDIDATES_PER_SAMPLE = 50
"""With more, a sample in 10^9 would use up its 1,000 candidates, and a batch would cost 50 times a plain one."""
SURE_COUNT = 10
"""Samples of two classes together that a pilot would have on average; if it has none, they exclude each other."""


def shift_of(machine: Machine, recipe: Recipe, plain: PilotSamples) -> Shift:
    """Return the vector that the recipe's directions add to each code, learnt on samples without directions.

    Raises:
        AcceptanceTooLow: the samples do not show how a class depends on the code.
    """
    vectors = _vectors(machine, recipe.model_copy(update={"targets": ()}), len(plain))
    assert vectors is not None, "the app refuses directions of other generators"
    targets = directions_of(recipe.targets)
    classes = [recipe.labels.classes.index(one.class_name) for one in targets]
    try:
        directions = class_directions(vectors, plain.shares, classes)
    except NoDirection as error:
        raise AcceptanceTooLow(
            f"Expected samples that differ in class '{recipe.labels.classes[error.number]}', but it has the same share"
            f" in all {len(plain):,} samples of the pilot, so no direction can be learnt. Leave the direction out."
        ) from error
    moves = [one.signed_strength * way for one, way in zip(targets, directions, strict=True)]
    return torch.stack(moves).sum(dim=0).float()


def shift_of_plan(plan: TargetPlan | None) -> Shift | None:
    """Return the shift of a stored plan."""
    return None if plan is None or plan.shift is None else torch.tensor(plan.shift)


def plan_targets(
    machine: Machine, recipe: Recipe, samples: PilotSamples | None, shift: Shift | None
) -> TargetPlan:
    """Return the plan of a recipe's targets; `samples` are None if directions are its only targets.

    Raises:
        AcceptanceTooLow: a sample would need too many candidates.
    """
    requested, fitted, costs = class_targets(recipe.targets), [], Costs(1.0, 1.0)
    if requested:
        assert samples is not None, "classes were measured"
        fitted = _fit(machine, recipe, samples, shift)
        groups = [[one.images for one in group] for group in groups_of(recipe.targets)]
        costs = costs_of(groups, fitted, _kept_share(recipe, samples))
        _check_costs(requested, fitted, costs, len(samples))
        _check_pairs(recipe, samples)
    return TargetPlan(
        fit_digest=recipe.fit.known_digest,
        classes=tuple(_planned(one, fit) for one, fit in zip(requested, fitted, strict=True)),
        shift=None if shift is None else tuple(shift.tolist()),
        candidates_per_sample=costs.mean,
        measured_at=now(),
    )


def _vectors(
    machine: Machine, recipe: Recipe, count: int, shift: Shift | None = None
) -> StyleVectors | None:
    renderer = pilot_renderer(machine, recipe, shift)
    return renderer.vectors([Candidate(index) for index in range(count)])


def _fit(
    machine: Machine, recipe: Recipe, samples: PilotSamples, shift: Shift | None
) -> list[Fitted]:
    vectors = _vectors(machine, recipe, len(samples), shift)
    return [fit_predictor(vectors, samples.shares, one) for one in constraints_of(recipe)]


def _kept_share(recipe: Recipe, samples: PilotSamples) -> float:
    """Return the share that the filter keeps of the samples on a requested side, the lowest one of all sides."""
    if recipe.filter is None:
        return 1.0
    kept = samples.scores <= torch.quantile(samples.scores, 1 - recipe.filter.drop_share)
    sides = [side.samples for side in _sides(recipe, samples)]
    return min((float(kept[one].double().mean()) for one in sides if one.any()), default=1.0)


class Side(NamedTuple):
    """The samples that contain a class of the targets, or those that do not, where some samples are requested to."""

    group: int
    words: str
    samples: Flags


def _sides(recipe: Recipe, samples: PilotSamples) -> Iterator[Side]:
    constraints = iter(constraints_of(recipe))
    for group, classes in enumerate(groups_of(recipe.targets)):
        for one in classes:
            present = next(constraints).is_met(samples.shares)
            if one.images > 0:
                yield Side(group, f"with '{one.class_name}'", present)
            if one.images < 1:
                yield Side(group, f"without '{one.class_name}'", ~present)


def _check_costs(
    requested: Sequence[ClassTarget], fitted: Sequence[Fitted], costs: Costs, num_samples: int
) -> None:
    if costs.worst <= MAX_CANDIDATES_PER_SAMPLE:
        return
    measured = ", ".join(
        f"'{one.class_name}' (at least {one.min_pixels:.2%} of the pixels) in"
        f" {round(fit.frequency * num_samples):,}"
        for one, fit in zip(requested, fitted, strict=True)
    )
    needed = "more than it can estimate" if costs.worst == inf else f"about {costs.worst:,.0f}"
    raise AcceptanceTooLow(
        f"Expected targets that need at most {MAX_CANDIDATES_PER_SAMPLE} candidates for each sample, but by the"
        f" pilot some samples need {needed}. Its {num_samples:,} samples contain {measured}. Request fewer classes"
        " together or a smaller min_pixels, filter less, raise the truncation, or add a direction."
    )


def _check_pairs(recipe: Recipe, samples: PilotSamples) -> None:
    """Raise `AcceptanceTooLow` for two requirements that the generator never meets together."""
    for one, other in combinations(_sides(recipe, samples), 2):
        independent = float(one.samples.double().mean() * other.samples.double().sum())
        if one.group == other.group or independent < SURE_COUNT:
            continue
        if not (one.samples & other.samples).any():
            raise AcceptanceTooLow(
                f"Expected targets that the generator meets together, but none of the pilot's {len(samples):,} samples"
                f" is {one.words} and {other.words}; about {independent:.0f} would be if they were independent."
                " Request them in two batches, or as a distribution, where they exclude each other."
            )


def _planned(requested: ClassTarget, fitted: Fitted) -> PlannedClass:
    return PlannedClass(
        class_name=requested.class_name,
        frequency=fitted.frequency,
        present_yield=fitted.present_yield,
        absent_yield=fitted.absent_yield,
        recall=fitted.recall,
        predictor=_stored(fitted.predictor),
    )


def _stored(predictor: Predictor | None) -> StoredPredictor | None:
    if predictor is None:
        return None
    return StoredPredictor(
        weights=tuple(predictor.weights.tolist()),
        bias=predictor.bias,
        present_from=predictor.present_from,
        absent_below=predictor.absent_below,
    )
