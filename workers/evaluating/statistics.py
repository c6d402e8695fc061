"""Intervals of scores and of paired differences between arms, over held-out images and over trainings.

Images: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13). One set of draws serves all arms, so a
difference is paired: an image that is hard for every arm cancels. A draw adds up the sums of its images and computes
the measure from the total, as the score itself does; a class that no drawn image contains is left out of that draw.

Trainings: an arm's score is the mean over its seeds. Three seeds are too few to resample: a third of the variance would
be lost, and the draws could never leave the range of the three values. So every draw moves by the standard error of the
seeds times a draw from Student's t, with the degrees of freedom of both arms together (the two-sample t-test). Seeds of
different arms are independent, whatever their numbers. Without this part two equal arms would often be called
different; the calibration is a test (`tests/workers/evaluating/test_calibration.py`).
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.evaluations.report import ArmRef, Difference, Interval, Outcome
from workers.evaluating.measures import Floats, Measure

NUM_DRAWS = 2_000
CONFIDENCE = 0.95
CHUNK = 250
"""Draws that are added up at once; it bounds the memory."""


@dataclass(frozen=True)
class _Arm:
    """One arm. The first column is the whole measure, the others are its parts.

    by_seed: [seeds, columns] on all images. draws: [draws, columns], the mean over the seeds in each draw of images.
    """

    by_seed: Floats
    draws: Floats

    @property
    def values(self) -> Floats:
        values: Floats = self.by_seed.mean(axis=0)
        return values

    @property
    def variance(self) -> Floats:
        """The variance of the mean over the seeds; 0 for a single one, which shows none."""
        count = len(self.by_seed)
        if count < 2:
            return np.zeros(self.by_seed.shape[1])
        variance: Floats = self.by_seed.var(axis=0, ddof=1) / count
        return variance

    @property
    def freedom(self) -> int:
        return len(self.by_seed) - 1


class PairedBootstrap:
    """The bootstrap of one task over all arms.

    `arms` have the features [images, features] of each of their trainings, with equal images in equal order.
    """

    def __init__(
        self,
        measure: Measure,
        arms: Mapping[ArmRef, Sequence[Floats]],
        *,
        num_draws: int = NUM_DRAWS,
        confidence: float = CONFIDENCE,
        seed: int = 0,
    ) -> None:
        counts = {len(features) for trainings in arms.values() for features in trainings}
        if len(counts) != 1 or not all(arms.values()):
            raise ValueError(
                f"expected at least one training in every arm and equal held-out images, got {sorted(counts)} images"
            )
        self._measure, self._seed = measure, seed
        self._tails = (50 * (1 - confidence), 50 * (1 + confidence))  # in percent
        num_images = counts.pop()
        rng = np.random.default_rng(seed)
        # [draws, images]: how often a draw contains an image
        self._counts = rng.multinomial(
            num_images, np.full(num_images, 1 / num_images), size=num_draws
        ).astype(np.uint16)
        self._arms = {ref: self._arm(trainings) for ref, trainings in arms.items()}

    @property
    def num_parts(self) -> int:
        columns: int = next(iter(self._arms.values())).by_seed.shape[1]
        return columns - 1

    def by_seed(self, ref: ArmRef) -> list[float | None]:
        """Return the score of each training of an arm."""
        return [_number(value) for value in self._arms[ref].by_seed[:, 0]]

    def scores(self, ref: ArmRef) -> list[Interval | None]:
        """Return the score of the whole, then of each part; None where the truth has none of it."""
        arm = self._arms[ref]
        low, high = self._bounds(arm.draws, arm.variance, arm.freedom, f"{ref}")
        return [
            None if np.isnan(value) else Interval(value=value, low=bottom, high=top)
            for value, bottom, top in zip(arm.values, low, high, strict=True)
        ]

    def differences(self, first: ArmRef, second: ArmRef) -> list[Difference | None]:
        """Return `first` minus `second` of the whole, then of each part."""
        one, other = self._arms[first], self._arms[second]
        low, high = self._bounds(
            one.draws - other.draws,
            one.variance + other.variance,
            one.freedom + other.freedom,
            f"{first} - {second}",
        )
        values = one.values - other.values
        return [
            None if np.isnan(value) else self._difference(value, bottom, top)
            for value, bottom, top in zip(values, low, high, strict=True)
        ]

    def closed_share(self, arm: ArmRef, base: ArmRef, top: ArmRef) -> Interval:
        """Return (arm - base) / (top - base) of the whole, with the bounds of its draws."""
        arms = [self._arms[ref] for ref in (arm, base, top)]
        freedom = sum(one.freedom for one in arms)
        rng = np.random.default_rng([self._seed, zlib.crc32(f"{arm} {base} {top}".encode())])
        # As for a difference, each arm moves by the error of its seeds; here the three move one by one.
        score, low, high = (
            one.draws[:, 0] + _student(rng, freedom, len(one.draws)) * np.sqrt(one.variance[0])
            for one in arms
        )
        value = (arms[0].values[0] - arms[1].values[0]) / (arms[2].values[0] - arms[1].values[0])
        bottom, upper = np.nanpercentile((score - low) / (high - low), self._tails)
        return Interval(value=float(value), low=float(bottom), high=float(upper))

    def _arm(self, trainings: Sequence[Floats]) -> _Arm:
        by_seed = np.stack([self._columns(features.sum(axis=0)) for features in trainings])
        chunks = []
        for start in range(0, len(self._counts), CHUNK):
            counts = self._counts[start : start + CHUNK].astype(np.float64)
            # A class is absent from a draw for all seeds at once: the truth decides it.
            columns = [self._columns(counts @ features) for features in trainings]
            chunks.append(np.mean(columns, axis=0))
        return _Arm(by_seed, np.concatenate(chunks))

    def _columns(self, totals: Floats) -> Floats:
        """Return [..., 1 + parts] from added-up features."""
        whole = self._measure.whole(totals)[..., None]
        return np.concatenate([whole, self._measure.parts(totals)], axis=-1)

    def _bounds(
        self, draws: Floats, variance: Floats, freedom: int, name: str
    ) -> tuple[Floats, Floats]:
        """Return the lower and upper bound of each column; NaN without a value."""
        moved = draws
        if freedom > 0:
            # The name makes the draws of one interval independent of the report's other arms.
            rng = np.random.default_rng([self._seed, zlib.crc32(name.encode())])
            moved = draws + _student(rng, freedom, len(draws))[:, None] * np.sqrt(variance)
        bounds = np.full((2, draws.shape[1]), np.nan)
        known = ~np.isnan(moved).all(axis=0)
        bounds[:, known] = np.nanpercentile(moved[:, known], self._tails, axis=0)
        return bounds[0], bounds[1]

    def _difference(self, value: float, low: float, high: float) -> Difference:
        outcome: Outcome = "undecided"
        if low > 0 or high < 0:
            outcome = "better" if (low > 0) == self._measure.higher_is_better else "worse"
        return Difference(value=value, low=low, high=high, outcome=outcome)


def _student(rng: np.random.Generator, freedom: int, count: int) -> Floats:
    """Return draws from Student's t; 0 without a degree of freedom, where no error of the seeds is known."""
    return rng.standard_t(freedom, size=count) if freedom > 0 else np.zeros(count)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
