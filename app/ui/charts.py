"""The curve of a training as a drawing of 1,000 x 400 units. The page stretches it and writes its numbers beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.fits.metrics import TrainingPoint

WIDTH, HEIGHT = 1_000, 400
_MANTISSAS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Curve:
    """The points of a curve, its line as SVG writes it, and where the axis of the loss ends."""

    points: tuple[TrainingPoint, ...]
    line: str
    top: float

    @property
    def first(self) -> TrainingPoint:
        return self.points[0]

    @property
    def last(self) -> TrainingPoint:
        return self.points[-1]

    @property
    def lowest(self) -> TrainingPoint:
        """The point with the smallest loss."""
        return min(self.points, key=lambda point: point.loss)


def curve(points: Sequence[TrainingPoint]) -> Curve | None:
    """Return the drawing of a curve; None without two points."""
    if len(points) < 2:
        return None
    top = _rounded_up(max(point.loss for point in points))
    last_step = points[-1].step
    line = " ".join(
        f"{WIDTH * point.step / last_step:.1f},{HEIGHT * (1 - max(point.loss, 0) / top):.1f}"
        for point in points
    )
    return Curve(tuple(points), line, top)


def _rounded_up(value: float) -> float:
    """Return the next number with the digit 1, 2 or 5: the end of an axis."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(size * one for one in _MANTISSAS if size * one >= value)
