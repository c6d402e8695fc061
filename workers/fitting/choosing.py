"""Chooses the features that a fit reads: all, or all except the coarsest, by the better estimate.

The coarsest features encode the content of an image rather than positions. Some domains need them; in others the
ensemble overfits to them (benchmarks/LOG.md). Only the labelled images show which is the case.
"""

from collections.abc import Callable
from dataclasses import replace

from workers.fitting.estimates import CrossValidation, cross_validate, overall
from workers.fitting.trainer import Trainer

CANDIDATES_PX = (0, 16)


def choose_features(
    trainer: Trainer, on_step: Callable[[int, int], None]
) -> tuple[Trainer, CrossValidation | None]:
    """Return the trainer with the better choice and its cross-validation; without one, all features."""
    trainers = [
        replace(trainer, options=replace(trainer.options, min_tap_px=px)) for px in CANDIDATES_PX
    ]
    validated = []
    for number, candidate in enumerate(trainers):

        def step(done: int, total: int, number: int = number) -> None:
            on_step(number * total + done, len(trainers) * total)

        validation = cross_validate(candidate, step)
        if validation is None:
            return trainers[0], None
        validated.append((candidate, validation))
    return max(validated, key=lambda pair: overall(trainer.pairs.codecs, pair[1].estimate))
