"""Which of the generator's features a fit reads: all, or all but the coarsest, whichever the estimate finds better.

The coarsest say what is in a picture rather than where. Some domains need them and others learn them by heart
(benchmarks/LOG.md), and only the labelled images can tell which.
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
    """The trainer with the better choice, and what is estimated of that; all features where nothing can be."""
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
