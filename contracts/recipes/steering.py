"""Streams that answer: how a stream is steered by the losses that its readers report.

Every report makes a version of the steering state. Shards are steered in segments of `every` shards. The first shard of
a segment that is rendered pins the latest version for the whole segment, for ever.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp
from contracts.schemas import LabelName

MAX_STEERING_STRENGTH = 5
MAX_EVERY = 1_000
MAX_LOSS = 1e6
"""A mean loss per pixel beyond this is an error in the reader's code."""
MAX_REPORTED_CLASSES = 256
SMOOTHING = 0.5
"""The weight of a report in the smoothed loss of a class: older reports lose half of their weight with each report."""
MAX_RECENT = 32
"""Reports that a version remembers, so that a repeated one is recognized."""
PLAIN = 0
"""The version before the first report: the samples of the stream without steering."""

Loss = Annotated[float, Field(ge=0, le=MAX_LOSS)]
Losses = Annotated[dict[LabelName, Loss], Field(min_length=1, max_length=MAX_REPORTED_CLASSES)]


class Steering(Model):
    """How strongly a stream answers, and how many consecutive shards share a version of the steering state.

    A sample is drawn with a probability proportional to exp(strength * weakness). The weakness is the predicted share
    of the weak classes, in standard deviations of the fit's samples. The default was measured on portraits
    (benchmarks/LOG.md, "Streams that answer").
    """

    strength: Annotated[float, Field(gt=0, le=MAX_STEERING_STRENGTH)] = 3.0
    every: Annotated[int, Field(ge=1, le=MAX_EVERY)] = 4

    def segment(self, shard: int) -> int:
        """Return the segment of a shard."""
        return shard // self.every


class RecentReport(Model):
    """A report that had an Idempotency-Key: the digests of key and body, and the version that it made."""

    key: Sha256
    fingerprint: Sha256
    version: int


class SteeringVersion(Model):
    """`steering/versions/{version}.json`: the state after a report.

    `losses` are the smoothed losses of the classes that were reported so far. `weights` are the weak classes, and add
    up to 1; empty if no class is weaker than the others.
    """

    version: Annotated[int, Field(ge=1)]
    losses: dict[LabelName, float]
    weights: dict[LabelName, float]
    recent: tuple[RecentReport, ...] = ()
    created_at: Timestamp


class SteeringSegment(Model):
    """`steering/segments/{segment}.json`: the version that decides the shards of a segment."""

    version: Annotated[int, Field(ge=PLAIN)]


def smoothed(before: Mapping[str, float], reported: Mapping[str, float]) -> dict[str, float]:
    """Return the smoothed losses after a report. The first report of a class counts fully."""
    changed = {
        name: SMOOTHING * loss + (1 - SMOOTHING) * before.get(name, loss)
        for name, loss in reported.items()
    }
    return {**before, **changed}


def weights_of(losses: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of each weak class: how far its loss is above the mean of all classes, divided by the sum."""
    mean = sum(losses.values()) / len(losses)
    excess = {name: loss - mean for name, loss in losses.items() if loss - mean > 1e-9 * mean}
    total = sum(excess.values())
    return {name: round(one / total, 6) for name, one in excess.items()}


def version_after(
    before: SteeringVersion | None,
    reported: Mapping[str, float],
    recent: RecentReport | None,
    created_at: Timestamp,
) -> SteeringVersion:
    """Return the version that a report makes."""
    losses = smoothed(before.losses if before else {}, reported)
    remembered = (*(before.recent if before else ()), *([recent] if recent else []))
    return SteeringVersion(
        version=number_after(before),
        losses=losses,
        weights=weights_of(losses),
        recent=remembered[-MAX_RECENT:],
        created_at=created_at,
    )


def number_after(before: SteeringVersion | None) -> int:
    """Return the number of the version after another one; 1 for the first."""
    return (before.version if before else PLAIN) + 1
