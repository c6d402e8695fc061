"""Pilots: what a recipe needs to know about a fit's samples, measured once and stored beside the fit.

The quantiles of uncertainty turn "drop the most uncertain tenth" into a threshold. The plan of targets says which codes
are worth rendering. Every shard applies both independently.
"""

from functools import partial

import numpy as np

from contracts.base import now
from contracts.errors.jobs import InputMissing
from contracts.recipes.pilots import Pilot, PlainShares, TargetPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.targets import directions_of
from models.arrays import Shift
from state import records
from state.planning import (
    is_steered,
    needs_pilot,
    pilot_key,
    plain_shares_key,
    plan_key,
    steering_plan_key,
)
from state.store import Store
from workers.rendering import plans
from workers.rendering.pilot_samples import OnStep, PilotSamples, pilot_renderer
from workers.rendering.steering import plan_steering
from workers.runtime.machine import Machine

NUM_QUANTILES = 1_001


def measure_pilot(
    machine: Machine, recipe: Recipe, on_step: OnStep, on_found: OnStep | None = None
) -> None:
    """Measure and store what the recipe needs, unless it exists: quantiles, a plan of targets or of steering.

    Its samples have the recipe's conditions and directions, so the threshold is that of the mixture that the recipe
    renders. `on_step` gets (measured samples, all samples) after each micro-batch. The measurements so far are kept:
    the next call, of this or another recipe, continues after them, and reports them to `on_found`.

    Raises:
        AcceptanceTooLow: the samples hardly ever meet the targets.
    """
    if not needs_pilot(machine.store, recipe):
        return
    keeps = bool(recipe.targets) or is_steered(recipe)
    measure = partial(_measured, machine, on_step=on_step, on_found=on_found, keeps=keeps)
    shift = None
    if directions_of(recipe.targets):
        plain = recipe.model_copy(update={"targets": ()})
        shift = plans.shift_of(machine, recipe, measure(plain))
    if recipe.filter is None and not recipe.has_class_targets and not is_steered(recipe):
        _store_plan(machine, recipe, None, shift)
        return
    samples = measure(recipe, shift)
    if recipe.filter is not None:
        records.create(machine.store, pilot_key(recipe), _quantiles(recipe, samples))
    if recipe.targets:
        _store_plan(machine, recipe, samples, shift)
    if is_steered(recipe):
        plan = plan_steering(machine, recipe, samples)
        records.create(machine.store, steering_plan_key(recipe), plan)
    if not keeps:
        samples.discard()


def _measured(
    machine: Machine,
    recipe: Recipe,
    shift: Shift | None = None,
    *,
    on_step: OnStep,
    on_found: OnStep | None,
    keeps: bool,
) -> PilotSamples:
    """Return the samples of a recipe's pilot. `keeps` keeps them after it, for other targets."""
    samples = PilotSamples(machine, recipe)
    if not samples.are_complete:  # else those of an earlier plan
        samples.measure(pilot_renderer(machine, recipe, shift), on_step, on_found)
        if keeps:
            samples.keep()
    if shift is None and recipe.labels.num_classes:
        records.create(machine.store, plain_shares_key(recipe), _plain_shares(recipe, samples))
    return samples


def _plain_shares(recipe: Recipe, samples: PilotSamples) -> PlainShares:
    return PlainShares(
        fit_digest=recipe.fit.digest,
        num_samples=len(samples),
        class_pixels=tuple(samples.shares.double().mean(dim=0).tolist()),
        class_images=tuple((samples.shares > 0).double().mean(dim=0).tolist()),
    )


def _quantiles(recipe: Recipe, samples: PilotSamples) -> Pilot:
    quantiles = np.quantile(samples.scores.numpy(), np.linspace(0, 1, NUM_QUANTILES))
    return Pilot(
        fit_digest=recipe.fit.known_digest,
        truncation=recipe.truncation,
        condition=recipe.condition,
        num_samples=len(samples),
        quantiles=tuple(quantiles.tolist()),
        measured_at=now(),
    )


def _store_plan(
    machine: Machine, recipe: Recipe, samples: PilotSamples | None, shift: Shift | None
) -> None:
    plan = plans.plan_targets(machine, recipe, samples, shift)
    records.create(machine.store, plan_key(recipe), plan)


def read_threshold(store: Store, recipe: Recipe) -> float | None:
    """Return the highest score that the filter keeps, None without a filter.

    Raises:
        InputMissing: the pilot is gone, or belongs to another fit.
    """
    if recipe.filter is None:
        return None
    key = pilot_key(recipe)
    pilot = records.read(store, key, Pilot)
    if pilot is None or pilot.fit_digest != recipe.fit.known_digest:
        raise InputMissing(f"The pilot '{key}' of the filter is gone. Send a new request.")
    return pilot.threshold(recipe.filter.drop_share)


def read_plan(store: Store, recipe: Recipe) -> TargetPlan | None:
    """Return the plan of the recipe's targets, None without targets.

    Raises:
        InputMissing: the plan is gone, or belongs to another fit.
    """
    if not recipe.targets:
        return None
    key = plan_key(recipe)
    plan = records.read(store, key, TargetPlan)
    if plan is None or plan.fit_digest != recipe.fit.known_digest:
        raise InputMissing(f"The plan '{key}' of the targets is gone. Send a new request.")
    return plan
