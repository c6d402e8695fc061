"""Image scores made from numbers: per-image confusions with the spread of a real small run.

The log odds that a pixel is right are the class's own, plus an image's, a training's and both together. The spreads of
`PORTRAITS` were measured with `python -m benchmarks.downstream.spread` (LOG.md, "Downstream networks").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.schemas import LabelSchema
from workers.evaluating.scoring import ImageScores

PIXELS = 4096


@dataclass(frozen=True)
class Spread:
    """Classes of held-out images, and standard deviations of the log odds that a pixel is right."""

    shares: Sequence[float]  # of the pixels of an image that has the class
    presence: Sequence[float]  # the share of images that have the class
    accuracy: Sequence[float]  # the share of its pixels that are right
    image: float  # one value for a class and image, equal for all arms and trainings
    training: float  # one value for a class and training
    both: float  # one value for a class, image and training


PORTRAITS = Spread(
    shares=(0.35, 0.22, 0.16, 0.01, 0.01, 0.015, 0.015, 0.05, 0.17, 0.03, 0.10),
    presence=(1, 1, 1, 1, 1, 1, 1, 1, 1, 0.3, 0.3),
    accuracy=(0.97, 0.92, 0.9, 0.7, 0.55, 0.6, 0.7, 0.85, 0.94, 0.3, 0.6),
    image=0.8,
    training=0.2,
    both=0.5,
)
LABELS = LabelSchema(classes=tuple(f"class {number}" for number in range(len(PORTRAITS.shares))))


@dataclass(frozen=True)
class HeldOut:
    """Held-out images: true pixels of each class, and what makes them hard; both [images, classes]."""

    pixels: NDArray[np.int64]
    hardness: NDArray[np.float64]

    @classmethod
    def drawn(cls, count: int, rng: np.random.Generator, spread: Spread = PORTRAITS) -> "HeldOut":
        """Return random held-out images."""
        classes = len(spread.shares)
        present = rng.random((count, classes)) < np.array(spread.presence)
        amounts = rng.lognormal(0, 0.3, (count, classes)) * PIXELS * np.array(spread.shares)
        pixels = np.where(present, amounts, 0).astype(np.int64)
        return cls(pixels, rng.normal(0, spread.image, (count, classes)))


def training(
    held_out: HeldOut, rng: np.random.Generator, *, loss: float = 0.0, spread: Spread = PORTRAITS
) -> ImageScores:
    """Return the scores of one training. `loss` is taken from the log odds of every class."""
    images, classes = held_out.pixels.shape
    accuracy = np.array(spread.accuracy)
    odds = np.log(accuracy / (1 - accuracy)) - loss + held_out.hardness
    odds = odds + rng.normal(0, spread.training, classes)
    odds = odds + rng.normal(0, spread.both, (images, classes))
    hits = rng.binomial(held_out.pixels, 1 / (1 + np.exp(-odds)))
    confusion = np.zeros((images, classes, classes), np.int64)
    # Wrong pixels go to other classes in proportion to their shares.
    shares = np.array(spread.shares)
    for real in range(classes):
        others = np.where(np.arange(classes) == real, 0.0, shares)
        wrong = held_out.pixels[:, real] - hits[:, real]
        confusion[:, real] = rng.multinomial(wrong, others / others.sum())
        confusion[:, real, real] = hits[:, real]
    return ImageScores({"segmentation": {"confusion": confusion}})


def arm(
    held_out: HeldOut, rng: np.random.Generator, *, seeds: int = 3, loss: float = 0.0
) -> list[ImageScores]:
    """Return the trainings of one arm."""
    return [training(held_out, rng, loss=loss) for _ in range(seeds)]
