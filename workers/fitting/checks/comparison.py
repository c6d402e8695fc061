"""Compares a fit's labels with those of a small network that trains on the labelled images alone.

In: the fit's cross-validation. Out: the scores of both on the same images, which neither has seen. Generated pairs
teach a network about what their labels are worth, so where the network without any of them is clearly better, generated
pairs alone will harm (benchmarks/LOG.md, "Warnings of a fit"). It knows nothing about how realistic samples are.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.fits.metrics import RealComparison
from models.downstream import pairs as downstream
from models.downstream.options import DownstreamOptions
from models.downstream.training import Plan, train
from models.tasks.task import TaskLabels
from models.tasks.task_set import TaskSet
from workers.codecs.images import resized_image
from workers.fitting.checks.compared_folds import ComparedFolds
from workers.fitting.downstream import fastest_precision, mirror_swaps, network_px
from workers.fitting.estimates import CrossValidation, quality_of
from workers.fitting.pairs import Pairs
from workers.fitting.trainer import Trainer

MAX_PX = 64
"""The longer side of the network's images: more pixels would take longer than the fit."""
MAX_SECONDS = 60.0
"""No further fold is begun that would end after this time; two folds are always taken."""
MIN_IMAGES = 4
STEPS_SHARE = 5
"""The network takes a fifth of the steps of the fit's ensemble, by default 300."""
STATE = "comparing"
CONFIDENCE = 0.95
NUM_DRAWS = 20_000

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class RealNetwork:
    """The training of the network of each fold.

    A smaller and shorter training than an evaluation's: 11 CPU seconds a fold at 64 px instead of 50. On 16 portraits
    it scores 4 points less than with the full width and batch (mIoU .672 and .709), so the comparison warns late.
    """

    pairs: Pairs
    seed: int
    device: torch.device
    steps: int
    channels: tuple[int, ...] = (16, 32, 48)
    batch: int = 8

    @property
    def tasks(self) -> TaskSet:
        """The tasks of the pairs."""
        return TaskSet(*(codec.task(self.pairs.schema) for codec in self.pairs.codecs))

    def labels(
        self,
        training: Sequence[int],
        held_out: Sequence[int],
        on_step: OnStep,
        folds: ComparedFolds,
    ) -> list[Mapping[str, TaskLabels]]:
        """Return the labels of the held-out images, one by one, by a network that trained on the others."""
        plan = Plan(
            pairs=self._examples(training),
            tasks=self.tasks,
            options=DownstreamOptions(
                channels=self.channels,
                steps=self.steps,
                batch=self.batch,
                precision=fastest_precision(self.device),
            ),
            seed=self.seed,
            swaps=mirror_swaps(self.pairs.schema),
            device=self.device,
        )
        network = folds.train(
            lambda state, should_stop, on_step: train(
                plan, state=state, should_stop=should_stop, on_step=on_step
            ),
            on_step,
        )
        images = self._examples(held_out).images
        return [one for image in images.split(1) for one in network.predict(image)]

    def _examples(self, indices: Sequence[int]) -> downstream.Pairs:
        images = np.stack([self.pairs.images[index] for index in indices])
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        return downstream.Pairs.of(pixels, self.pairs.label_tensors(indices))


def compare(
    trainer: Trainer, validation: CrossValidation, device: torch.device, on_step: OnStep
) -> RealComparison | None:
    """Return the scores of both on the first folds of a cross-validation; None for too few images or labels.

    `on_step(done, total)` counts the steps of all folds. With the states of the trainer, folds that an earlier attempt
    has finished are not repeated.
    """
    pairs, steps = _shrunk(trainer.pairs), max(trainer.options.steps // STEPS_SHARE, 1)
    network = RealNetwork(pairs, trainer.seed, device, steps)
    saved = trainer.states.of(STATE) if trainer.states else None
    folds = ComparedFolds(saved)
    began = time.monotonic() - folds.seconds
    for number, held_out in enumerate(validation.folds):
        step = partial(_report, on_step, number, len(validation.folds))
        if saved is not None and folds.has(held_out):
            saved.found_first(step)(steps, steps)
            continue
        if number > 1 and folds.seconds * (number + 1) / number > MAX_SECONDS:
            break
        others = [index for index in range(len(pairs)) if index not in held_out]
        if not _has_every_task(pairs, others):
            return None
        labels = network.labels(others, held_out, step, folds)
        pairwise = zip(held_out, labels, strict=True)
        qualities = {index: quality_of(pairs, index, one) for index, one in pairwise}
        folds.add(qualities, time.monotonic() - began)
    real = folds.qualities
    if len(real) < MIN_IMAGES:
        return None
    return _compared([validation.qualities[index] for index in real], list(real.values()))


def _report(on_step: OnStep, fold: int, num_folds: int, done: int, total: int) -> None:
    on_step(fold * total + done, num_folds * total)


def _compared(fit: Sequence[float], real: Sequence[float]) -> RealComparison:
    """Return the mean scores and the interval of the mean difference, image by image (Student's paired t)."""
    low, high = difference_interval(np.array(fit) - np.array(real))
    return RealComparison(
        num_images=len(fit),
        fit=round(fmean(fit), 4),
        real=round(fmean(real), 4),
        low=round(low, 4),
        high=round(high, 4),
        predicts_harm=high < 0,
    )


def difference_interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95% interval of a mean over images: images few enough that a bootstrap would be too narrow."""
    count = len(differences)
    error = float(differences.std(ddof=1)) / count**0.5
    quantiles = np.quantile(
        np.random.default_rng(0).standard_t(count - 1, NUM_DRAWS),
        [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2],
    )
    mean = float(differences.mean())
    return mean + error * float(quantiles[0]), mean + error * float(quantiles[1])


def _has_every_task(pairs: Pairs, indices: Sequence[int]) -> bool:
    """Return whether each task has labels in these images: a network cannot learn a task without any."""
    return all(
        any(not codec.is_empty(pairs.labels[index][codec.name]) for index in indices)
        for codec in pairs.codecs
    )


def _shrunk(pairs: Pairs) -> Pairs:
    """Return the pairs at the network's size."""
    px = network_px(pairs.px, MAX_PX)
    if px == pairs.px:
        return pairs
    return replace(
        pairs,
        images=tuple(resized_image(pixels, px) for pixels in pairs.images),
        labels=tuple(
            {codec.name: codec.resized(one[codec.name], pairs.px, px) for codec in pairs.codecs}
            for one in pairs.labels
        ),
        px=px,
    )
