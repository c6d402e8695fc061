"""Shares of classes and keypoints in generated samples against those in the labelled images.

In: how much of each image a class or keypoint has, [images, traits], for both sets of images. Out: the shares, and
which traits generated samples clearly lack. Both sets are samples, so a difference counts only if a bootstrap over the
images of both confirms it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.fits.metrics import TraitShare

Floats = NDArray[np.float64]

LOW_RATIO = 0.5
"""A share is far below another one if it is less than half of it."""
CONFIDENCE = 0.95
NUM_DRAWS = 2_000


@dataclass(frozen=True)
class Amounts:
    """How much of each image each trait has, from 0 to 1: [images, traits], at least one image each.

    `names` are those of the columns. The amount of a class is its share of the known pixels; a visible keypoint has 1.
    """

    names: Sequence[str]
    labelled: Floats
    generated: Floats

    def shares(self) -> dict[str, TraitShare]:
        """Return both shares of each trait."""
        low = are_low(self.labelled, self.generated)
        return {
            name: TraitShare(
                labelled=_rounded(self.labelled[:, column].mean()),
                generated=_rounded(self.generated[:, column].mean()),
                labelled_images=_rounded((self.labelled[:, column] > 0).mean()),
                generated_images=_rounded((self.generated[:, column] > 0).mean()),
                is_low=bool(low[column]),
            )
            for column, name in enumerate(self.names)
        }


def are_low(labelled: Floats, generated: Floats, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return for each trait whether its generated share is far below the labelled one with 95% confidence.

    The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) of the ratio of the mean amounts. One invented
    sample shows each trait as strongly as the labelled images with it: without it, 0 of 64 samples would seem to prove
    a share of 0, while shares up to 4.6% often give none (the "rule of three"). A trait in only one or two images is
    never low: they may be an exception.
    """
    rng = np.random.default_rng(seed)
    present = (labelled > 0).sum(axis=0)
    typical = labelled.sum(axis=0) / np.maximum(present, 1)
    expected = _resampled_means(labelled, rng)
    rendered = _resampled_means(np.vstack([generated, typical]), rng)
    # A draw without the trait in the labelled images has no ratio and counts against the finding.
    ratios = np.divide(rendered, expected, out=np.full_like(rendered, np.inf), where=expected > 0)
    highest = np.quantile(ratios, CONFIDENCE, axis=0, method="higher")
    return np.asarray(highest < LOW_RATIO)


def _resampled_means(amounts: Floats, rng: np.random.Generator) -> Floats:
    """Return the means over images drawn with replacement: [images, traits] => [draws, traits]."""
    count = len(amounts)
    times = rng.multinomial(count, np.full(count, 1 / count), size=NUM_DRAWS)
    return np.asarray(times @ amounts / count)


def _rounded(value: float) -> float:
    return round(float(value), 5)
