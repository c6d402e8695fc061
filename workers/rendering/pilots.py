"""Pilots: the uncertainty of a fit's samples at one truncation, measured once and stored beside the fit.

The pilot turns "drop the most uncertain tenth" into a threshold that every shard can apply independently.
"""

from collections.abc import Callable

import numpy as np

from contracts.base import now
from contracts.batches import Pilot, Recipe
from contracts.errors.jobs import InputMissing
from models.sampling import Candidate, Stream
from state import records
from state.planning import pilot_key
from state.store import Store
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine

NUM_SAMPLES = 2_000
NUM_QUANTILES = 1_001


def measure_pilot(machine: Machine, recipe: Recipe, on_step: Callable[[int, int], None]) -> None:
    """Measure and store the pilot of the recipe's fit at its truncation, unless it exists.

    Its samples have the recipe's conditions, so the threshold is that of the mixture that the recipe renders.
    `on_step` gets (measured samples, all samples) after each sample.
    """
    key = pilot_key(recipe)
    if machine.store.head(key) is not None:
        return
    renderer = Renderer(
        machine,
        recipe.tenant,
        recipe.fit,
        seed=0,
        truncation=recipe.truncation,
        condition=recipe.condition,
        stream=Stream.PILOT,
    )
    scores = []
    for sample in renderer.render([Candidate(index) for index in range(NUM_SAMPLES)]):
        scores.append(sample.score)
        on_step(len(scores), NUM_SAMPLES)
    quantiles = np.quantile(scores, np.linspace(0, 1, NUM_QUANTILES))
    pilot = Pilot(
        fit_digest=recipe.fit.digest,
        truncation=recipe.truncation,
        condition=recipe.condition,
        num_samples=NUM_SAMPLES,
        quantiles=tuple(quantiles.tolist()),
        measured_at=now(),
    )
    records.create(machine.store, key, pilot)


def read_threshold(store: Store, recipe: Recipe) -> float | None:
    """Return the highest score that the filter keeps, None without a filter.

    Raises:
        InputMissing: the pilot is gone, or belongs to another fit.
    """
    if recipe.filter is None:
        return None
    key = pilot_key(recipe)
    pilot = records.read(store, key, Pilot)
    if pilot is None or pilot.fit_digest != recipe.fit.digest:
        raise InputMissing(f"The pilot '{key}' of the filter is gone. Send a new request.")
    return pilot.threshold(recipe.filter.drop_share)
