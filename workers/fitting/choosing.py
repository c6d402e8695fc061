"""Choose the features that a fit reads: all, or all but the coarsest, by the better estimate.

The coarsest features encode the content of an image rather than positions. Some domains need them; in others the
ensemble overfits to them (benchmarks/LOG.md). Only the labelled images show which.
"""

from collections.abc import Callable
from dataclasses import replace

from contracts.fits.metrics import Estimate
from workers.fitting.estimates import estimate, overall
from workers.fitting.tasks import Trainer

CANDIDATES_PX = (0, 16)


def choose_features(
    trainer: Trainer, on_step: Callable[[int, int], None]
) -> tuple[Trainer, Estimate | None]:
    """Return the trainer with the better choice and its estimate; without an estimate, all features."""
    trainers = [
        replace(trainer, wanted=replace(trainer.wanted, min_tap_px=px)) for px in CANDIDATES_PX
    ]
    tried = []
    for number, candidate in enumerate(trainers):

        def step(done: int, total: int, number: int = number) -> None:
            on_step(number * total + done, len(trainers) * total)

        found = estimate(candidate, step)
        if found is None:
            return trainers[0], None
        tried.append((candidate, found))
    return max(tried, key=lambda one: overall(trainer.pairs.codecs, one[1]))
