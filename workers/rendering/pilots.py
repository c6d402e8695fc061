"""Pilots: the uncertainty of a fit's samples at one truncation, measured once and stored beside the fit.

The pilot turns "drop the most uncertain tenth" into a threshold that every shard can apply independently.
"""

from collections.abc import Callable, Sequence

import numpy as np
import structlog
import torch

from contracts.base import now
from contracts.batches import Pilot, Recipe
from contracts.errors.jobs import InputMissing
from contracts.errors.tree import StoreUnavailable
from models.sampling import Candidate, Stream
from state import keys, records
from state.planning import partial_pilot_key, pilot_key
from state.store import Store
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine
from workers.saving.save_timer import SaveTimer
from workers.saving.saved_states import INTERVAL, LONGEST_SHARE, checked, read_checked

log = structlog.get_logger()

OnStep = Callable[[int, int], None]

NUM_SAMPLES = 2_000
NUM_QUANTILES = 1_001


def measure_pilot(
    machine: Machine, recipe: Recipe, on_step: OnStep, on_found: OnStep | None = None
) -> None:
    """Measure and store the pilot of the recipe's fit at its truncation, unless it exists.

    Its samples have the recipe's conditions, so the threshold is that of the mixture that the recipe renders.
    `on_step` gets (measured samples, all samples) after each micro-batch. The scores so far are kept: the next call, of
    this or another recipe, continues after them, and reports them to `on_found`.
    """
    key = pilot_key(recipe)
    if machine.store.head(key) is not None:
        return
    scores = _Scores(machine, recipe)
    if not scores.are_complete:
        if scores.values:
            (on_found or on_step)(len(scores.values), NUM_SAMPLES)
        _measure(machine, recipe, scores, on_step)
    quantiles = np.quantile(scores.values, np.linspace(0, 1, NUM_QUANTILES))
    pilot = Pilot(
        fit_digest=recipe.fit.digest,
        truncation=recipe.truncation,
        condition=recipe.condition,
        num_samples=NUM_SAMPLES,
        quantiles=tuple(quantiles.tolist()),
        measured_at=now(),
    )
    records.create(machine.store, key, pilot)
    scores.discard()


def _measure(machine: Machine, recipe: Recipe, scores: "_Scores", on_step: OnStep) -> None:
    renderer = Renderer(
        machine,
        recipe.tenant,
        recipe.fit,
        seed=0,
        truncation=recipe.truncation,
        condition=recipe.condition,
        stream=Stream.PILOT,
    )
    first = len(scores.values)
    for samples in renderer.render_chunks(
        [Candidate(index) for index in range(first, NUM_SAMPLES)]
    ):
        # whole micro-batches, so that a continued pilot renders the same ones
        scores.add([sample.score for sample in samples])
        on_step(len(scores.values), NUM_SAMPLES)


class _Scores:
    """The scores of a pilot's first samples, kept beside the pilot. Concurrent pilots of a fit have the same scores."""

    def __init__(self, machine: Machine, recipe: Recipe) -> None:
        self._store, self._pulse = machine.store, machine.pulse
        self._tombstone = keys.tombstone(recipe.tenant, "fits", recipe.fit.id)
        self._key = partial_pilot_key(recipe)
        self._fit = torch.tensor(list(bytes.fromhex(recipe.fit.digest)), dtype=torch.uint8)
        interval = min(INTERVAL, machine.settings.keep_interval)
        self._timer = SaveTimer(interval, LONGEST_SHARE)
        self.values: list[float] = self._read()

    @property
    def are_complete(self) -> bool:
        return len(self.values) == NUM_SAMPLES

    def add(self, scores: Sequence[float]) -> None:
        """Add the scores of a micro-batch. Keep all if it is time, or if the worker is about to stop."""
        self.values += scores
        if self._timer.is_due or self._pulse.is_draining:
            self._save()

    def discard(self) -> None:
        self._store.delete(self._key)

    def _read(self) -> list[float]:
        state = read_checked(self._store, self._key)
        if state is None or not torch.equal(state["fit"], self._fit):
            return []
        return list(state["scores"].tolist()[:NUM_SAMPLES])

    def _save(self) -> None:
        if self._store.head(self._tombstone) is not None:
            return
        scores = torch.tensor(self.values, dtype=torch.float64)
        try:
            with self._timer.saving():
                self._store.put(self._key, checked({"fit": self._fit, "scores": scores}))
        except StoreUnavailable as error:
            log.warning("scores of the pilot not kept", key=self._key, error=str(error))


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
