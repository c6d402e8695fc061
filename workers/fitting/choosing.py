"""Chooses the features that a fit reads: all, or all except the coarsest, by the better estimate.

The coarsest features encode the content of an image rather than positions. Some domains need them; in others the
ensemble overfits to them (benchmarks/LOG.md). Only the labelled images show which is the case.
"""

from collections.abc import Callable
from dataclasses import replace

from contracts.fits.metrics import Estimate
from workers.fitting.estimates import estimate, overall
from workers.fitting.trainer import Trainer

CANDIDATES_PX = (0, 16)


def choose_features(
    trainer: Trainer, on_step: Callable[[int, int], None]
) -> tuple[Trainer, Estimate | None]:
    """Return the trainer with the better choice and its estimate; without an estimate, all features."""
    trainers = [
        replace(trainer, options=replace(trainer.options, min_tap_px=px)) for px in CANDIDATES_PX
    ]
    estimated = []
    for number, candidate in enumerate(trainers):

        def step(done: int, total: int, number: int = number) -> None:
            on_step(number * total + done, len(trainers) * total)

        quality = estimate(candidate, step)
        if quality is None:
            return trainers[0], None
        estimated.append((candidate, quality))
    return max(estimated, key=lambda pair: overall(trainer.pairs.codecs, pair[1]))
