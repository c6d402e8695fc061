"""Pilots: the uncertainty of a fit's samples at one truncation, measured once and stored beside the fit.

It turns "drop the most uncertain tenth" into a threshold that every shard applies alone.
"""

from collections.abc import Callable

import numpy as np

from contracts.base import now
from contracts.batches import Pilot, Recipe
from contracts.errors.jobs import InputMissing
from models.sampling import Candidate, Stream
from state import keys, records
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine

NUM_SAMPLES = 2_000
NUM_QUANTILES = 1_001


def measure_pilot(machine: Machine, recipe: Recipe, watch: Callable[[int, int], None]) -> None:
    """Measure and store the pilot of the recipe's fit at its truncation, unless it exists.

    `watch` gets the number of measured samples and of all samples.
    """
    key = keys.pilot(recipe.tenant, recipe.fit.id, recipe.truncation)
    if machine.store.head(key) is not None:
        return
    renderer = Renderer(
        machine,
        recipe.tenant,
        recipe.fit,
        seed=0,
        truncation=recipe.truncation,
        stream=Stream.PILOT,
    )
    scores = []
    for sample in renderer.render([Candidate(index) for index in range(NUM_SAMPLES)]):
        scores.append(sample.score)
        watch(len(scores), NUM_SAMPLES)
    quantiles = np.quantile(scores, np.linspace(0, 1, NUM_QUANTILES))
    pilot = Pilot(
        fit_digest=recipe.fit.digest,
        truncation=recipe.truncation,
        num_samples=NUM_SAMPLES,
        quantiles=tuple(quantiles.tolist()),
        measured_at=now(),
    )
    records.create(machine.store, key, pilot)


def read_threshold(machine: Machine, recipe: Recipe) -> float | None:
    """Return the highest score that the filter keeps, None without a filter."""
    if recipe.filter is None:
        return None
    key = keys.pilot(recipe.tenant, recipe.fit.id, recipe.truncation)
    pilot = records.read(machine.store, key, Pilot)
    if pilot is None or pilot.fit_digest != recipe.fit.digest:
        raise InputMissing(f"The pilot '{key}' of the filter is gone. Create the batch again.")
    return pilot.threshold(recipe.filter.drop_share)
