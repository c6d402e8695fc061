"""The training for a fit and for its estimate: labelled images and their codes in, an ensemble out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generators.generator import Generator, Mirrorable
from models.labels.ensemble import Ensemble
from models.labels.training import EnsembleOptions, OnLosses, train_ensemble
from models.states import AT_START, Resumption
from models.tasks.mirroring import Swaps
from models.tasks.task_set import Labels, TaskSet
from workers.fitting.mirroring import Mirrored
from workers.fitting.pairs import Pairs
from workers.runtime.micro_batches import MicroBatches
from workers.saving.saved_states import SavedStates


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Trains ensembles on labelled images and their codes.

    `options` are those of the fit's ensemble. `digest` is the generator's, the key of its micro-batch sizes. The
    `mirrored` images are trained on wherever their originals are. With `states`, a training continues from the state of
    an earlier attempt.
    """

    generator: Generator
    pairs: Pairs
    codes: Tensor
    options: EnsembleOptions
    seed: int
    micro_batches: MicroBatches
    digest: str
    mirrored: Mirrored | None = None
    states: SavedStates | None = None

    def train(
        self,
        options: EnsembleOptions,
        on_step: Callable[[int, int], None],
        indices: Sequence[int] | None = None,
        *,
        name: str = "training",
        on_losses: OnLosses | None = None,
    ) -> Ensemble:
        """Return an ensemble trained on the images of these indices, all by default.

        On a device with too little memory it trains on fewer images at a time, and caches fewer of their features.
        `name` is that of its saved state: a training that an earlier attempt has finished is not repeated. `on_losses`
        gets the curve of the loss.
        """
        images = range(len(self.pairs)) if indices is None else indices
        tasks = TaskSet(*(one.task(self.pairs.schema) for one in self.pairs.codecs))
        codes, labels = self._examples(images, tasks)
        largest = min(options.images_per_round, len(codes))

        def train(images_per_round: int) -> Ensemble:
            cache_bytes = options.cache_bytes * images_per_round // largest

            def resumed(resumption: Resumption, on_step: Callable[[int, int], None]) -> Ensemble:
                return train_ensemble(
                    self.generator,
                    codes,
                    labels,
                    tasks=tasks,
                    swaps=self._swaps,
                    options=replace(
                        options, images_per_round=images_per_round, cache_bytes=cache_bytes
                    ),
                    seed=self.seed,
                    on_step=on_step,
                    on_losses=on_losses,
                    resumption=resumption,
                )

            if self.states is None:
                return resumed(AT_START, on_step)
            # Other images per round draw other pixels, so their states have other names.
            return self.states.of(f"{name}-{images_per_round}").resume(resumed, on_step)

        return self.micro_batches.shrinking("training", self.digest, train, largest=largest)

    @property
    def _swaps(self) -> Swaps | None:
        """How names change in mirrored images, if the ensemble labels them too; only where no inversion is needed."""
        if self.mirrored is None or not isinstance(self.generator, Mirrorable):
            return None
        return self.mirrored.swaps

    def _examples(self, images: Sequence[int], tasks: TaskSet) -> tuple[Tensor, Labels]:
        """Return the codes and labels of some images, followed by those of their mirrored images."""
        codes, labels = self.codes[list(images)], self.pairs.label_tensors(images)
        if self.mirrored is None:
            return codes, labels
        more = self.mirrored.labels(labels, tasks)
        return torch.cat([codes, self.mirrored.codes[list(images)]]), labels.with_more(more)
