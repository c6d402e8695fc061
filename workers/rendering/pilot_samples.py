"""The samples of a pilot: their scores and class shares, measured once on a reserved seed.

They are kept while they are measured, so a pilot that stops continues. Concurrent pilots of a fit measure the same.
"""

from collections.abc import Callable, Sequence

import numpy as np
import structlog
import torch
from torch import Tensor

from contracts.errors.tree import StoreUnavailable
from contracts.recipes.recipe import Recipe
from models.sampling import Candidate, Stream
from state import keys
from state.planning import pilot_samples_key
from workers.codecs.samples import Sample
from workers.codecs.segmentation import SegmentationCodec, class_shares
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine
from workers.saving.save_timer import SaveTimer
from workers.saving.saved_states import INTERVAL, LONGEST_SHARE, checked, read_checked

log = structlog.get_logger()

OnStep = Callable[[int, int], None]

NUM_SAMPLES = 2_000


def pilot_renderer(machine: Machine, recipe: Recipe, shift: Tensor | None = None) -> Renderer:
    """Return the renderer of a recipe's pilot; `shift` is that of its directions."""
    return Renderer(
        machine,
        recipe.tenant,
        recipe.fit,
        seed=0,
        truncation=recipe.truncation,
        condition=recipe.condition,
        stream=Stream.PILOT,
        shift=shift,
    )


class PilotSamples:
    """The measurements of a pilot's first samples: `scores` [n], and `shares` [n, classes] of their pixels."""

    def __init__(self, machine: Machine, recipe: Recipe) -> None:
        self._store, self._pulse = machine.store, machine.pulse
        self._tombstone = keys.tombstone(recipe.tenant, "fits", recipe.fit.id)
        self._key = pilot_samples_key(recipe)
        self._num_classes = recipe.labels.num_classes
        self._fit = torch.tensor(list(bytes.fromhex(recipe.fit.known_digest)), dtype=torch.uint8)
        interval = min(INTERVAL, machine.settings.keep_interval)
        self._timer = SaveTimer(interval, LONGEST_SHARE)
        self.scores, self.shares = self._read()

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def are_complete(self) -> bool:
        """Whether all samples are measured."""
        return len(self) == NUM_SAMPLES

    def measure(self, renderer: Renderer, on_step: OnStep, on_found: OnStep | None) -> None:
        """Measure the missing samples.

        `on_step` gets (measured samples, all samples) after each micro-batch. `on_found` gets them first if some were
        found.
        """
        if self.are_complete:
            return
        if len(self):
            (on_found or on_step)(len(self), NUM_SAMPLES)
        missing = [Candidate(index) for index in range(len(self), NUM_SAMPLES)]
        # whole micro-batches, so that a continued pilot renders the same ones
        for samples in renderer.render_chunks(missing):
            self._add(samples)
            on_step(len(self), NUM_SAMPLES)

    def keep(self) -> None:
        """Keep the complete measurements, for the plans of other targets."""
        self._save()

    def discard(self) -> None:
        """Delete what was kept."""
        self._store.delete(self._key)

    def _add(self, samples: Sequence[Sample]) -> None:
        """Add a micro-batch. Keep all if it is time, or if the worker is about to stop."""
        scores = torch.tensor([sample.score for sample in samples], dtype=torch.float64)
        self.scores = torch.cat([self.scores, scores])
        self.shares = torch.cat([self.shares, self._shares(samples)])
        if self._timer.is_due or self._pulse.is_draining:
            self._save()

    def _shares(self, samples: Sequence[Sample]) -> Tensor:
        rows = [
            class_shares(sample.labels.get(SegmentationCodec.name), self._num_classes)
            for sample in samples
        ]
        return torch.from_numpy(np.stack(rows)).float()

    def _read(self) -> tuple[Tensor, Tensor]:
        state = read_checked(self._store, self._key)
        is_usable = state is not None and torch.equal(state["fit"], self._fit) and "shares" in state
        if state is None or not is_usable:
            none = torch.empty(0, dtype=torch.float64)
            return none, torch.empty(0, self._num_classes, dtype=torch.float32)
        return state["scores"][:NUM_SAMPLES], state["shares"][:NUM_SAMPLES]

    def _save(self) -> None:
        if self._store.head(self._tombstone) is not None:
            return
        state = {"fit": self._fit, "scores": self.scores, "shares": self.shares}
        try:
            with self._timer.saving():
                self._store.put(self._key, checked(state))
        except StoreUnavailable as error:
            log.warning("samples of the pilot not kept", key=self._key, error=str(error))
