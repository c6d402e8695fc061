"""The plots of a report: scores by arm, differences to `real`, and the curve over the number of synthetic pairs.

Every mark has its interval. `plot_files` returns them as SVG and PNG files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from contracts.evaluations.report import (
    ArmName,
    ArmScore,
    Curve,
    EvaluationReport,
    Interval,
    TaskReport,
)
from workers.evaluating.canvas import Canvas
from workers.evaluating.sentences import ARM_TITLES, points, share, titled

WIDTH = 720
LEFT, RIGHT = 230, 150
"""Room for the names of arms and for numbers."""
ROW_PX = 30
TOP, BOTTOM = 34, 34
CURVE_HEIGHT = 300
CURVE_LEFT, CURVE_RIGHT = 56, 150
LABEL_PX = 16
MAX_TICKS = 6
LEVELS: frozenset[ArmName] = frozenset({"real", "labelled", "oracle"})
"""Arms that the curves are compared with."""


@dataclass(frozen=True)
class Axis:
    """Maps values onto pixels. `ticks` are round numbers."""

    low: float
    high: float
    first_px: float
    last_px: float

    @classmethod
    def around(cls, values: Sequence[float], first_px: float, last_px: float) -> "Axis":
        """Return an axis that contains all values, with a margin."""
        low, high = min(values), max(values)
        margin = 0.06 * (high - low) or 0.01
        return cls(low - margin, high + margin, first_px, last_px)

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.first_px + share * (self.last_px - self.first_px)

    @property
    def step(self) -> float:
        """The distance of the ticks: 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / MAX_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        return power * next(n for n in (1, 2, 5, 10) if n * power >= rough)

    @property
    def ticks(self) -> list[float]:
        first, last = math.ceil(self.low / self.step), math.floor(self.high / self.step)
        return [number * self.step for number in range(first, last + 1)]


def plot_files(report: EvaluationReport) -> dict[str, bytes]:
    """Return all plots by file name: `segmentation-scores.svg`, `segmentation-scores.png`, ..."""
    files: dict[str, bytes] = {}
    for task in report.tasks:
        for name, canvas in plots(task).items():
            files[f"{task.task}-{name}.svg"] = canvas.svg(with_style=True).encode()
            files[f"{task.task}-{name}.png"] = canvas.png()
    return files


def plots(task: TaskReport) -> dict[str, Canvas]:
    """Return the plots of a task by name; a plot without a number to show is left out."""
    drawn = {"scores": scores(task), "differences": differences(task), "curves": curves(task)}
    return {name: canvas for name, canvas in drawn.items() if canvas is not None}


def scores(task: TaskReport) -> Canvas | None:
    """Return a row for each arm: its score with the interval, and a small ring for each training."""
    rows = [(arm, arm.score) for arm in task.arms if arm.score is not None]
    if not rows:
        return None
    canvas = _rows(len(rows), f"{task.measure} of each arm")
    seeds = [value for arm, _ in rows for value in arm.by_seed if value is not None]
    axis = _axis([score for _, score in rows], seeds)
    _grid(canvas, axis, len(rows), share)
    better = "higher is better" if task.higher_is_better else "lower is better"
    canvas.text((LEFT, TOP - 16), f"{task.measure}, {better}", color="muted", size=12)
    for number, (arm, score) in enumerate(rows):
        y = _row(canvas, number, arm)
        for value in arm.by_seed:
            if value is not None and len(arm.by_seed) > 1:
                canvas.dot((axis.at(value), y + 9), 2, arm.ref.arm, is_open=True)
        _interval(canvas, axis, y, score, arm.ref.arm)
        text = f"{share(score.value)} [{share(score.low)}, {share(score.high)}]"
        canvas.text((WIDTH - RIGHT + 14, y + 4), text, color="muted", size=12)
    return canvas


def differences(task: TaskReport) -> Canvas | None:
    """Return a row for each arm: its difference to `real` in points, better to the right."""
    sign = 1 if task.higher_is_better else -1
    rows = [(arm, arm.difference) for arm in task.arms if arm.difference is not None]
    if not rows:
        return None
    canvas = _rows(len(rows), f"{task.measure} compared with real alone")
    shown = [_oriented(difference, sign) for _, difference in rows]
    axis = _axis(shown, [0.0])
    _grid(canvas, axis, len(rows), lambda value: f"{100 * value:+.0f}" if value else "0")
    zero = axis.at(0.0)
    canvas.line((zero, TOP), (zero, TOP + len(rows) * ROW_PX), color="zero", width=1.5)
    title = f"points of {task.measure} better than real alone"
    canvas.text((LEFT, TOP - 16), title, color="muted", size=12)
    for number, ((arm, difference), interval) in enumerate(zip(rows, shown, strict=True)):
        y = _row(canvas, number, arm)
        _interval(canvas, axis, y, interval, arm.ref.arm)
        text = points(difference, sign).replace(" points", "").replace(" point", "")
        canvas.text((WIDTH - RIGHT + 14, y + 4), text, color="muted", size=12)
    return canvas


def curves(task: TaskReport) -> Canvas | None:
    """Return the scores over the number of synthetic pairs, and arms without a curve as horizontal lines."""
    if not task.curves:
        return None
    canvas = Canvas(WIDTH, CURVE_HEIGHT, f"{task.measure} over the number of synthetic pairs")
    levels = [arm for arm in task.arms if arm.ref.arm in LEVELS and arm.score]
    values = [mark.score for curve in task.curves for mark in curve.points]
    values += [arm.score for arm in levels if arm.score is not None]
    bounds = [bound for one in values for bound in (one.low, one.high)]
    y_axis = Axis.around(bounds, CURVE_HEIGHT - 44, 24)
    counts = sorted({mark.synthetic_pairs for curve in task.curves for mark in curve.points})
    # Logarithmic: counts usually double.
    logs = [math.log(count) for count in counts]
    x_axis = Axis.around(logs, CURVE_LEFT, WIDTH - CURVE_RIGHT)
    _curve_grid(canvas, x_axis, y_axis, counts)
    canvas.text((CURVE_LEFT, 14), task.measure, color="muted", size=12)
    ends: dict[ArmName, float] = {}
    for arm in levels:
        assert arm.score is not None
        ends[arm.ref.arm] = _level(canvas, y_axis, arm.score, arm.ref.arm)
    for curve in task.curves:
        ends[curve.arm] = _curve(canvas, x_axis, y_axis, curve)
    _end_labels(canvas, ends)
    return canvas


def _rows(count: int, title: str) -> Canvas:
    return Canvas(WIDTH, TOP + count * ROW_PX + BOTTOM, title)


def _axis(intervals: Sequence[Interval], others: Sequence[float]) -> Axis:
    bounds = [bound for one in intervals for bound in (one.low, one.high)]
    return Axis.around([*bounds, *others], LEFT, WIDTH - RIGHT)


def _grid(canvas: Canvas, axis: Axis, count: int, label: Callable[[float], str]) -> None:
    bottom = TOP + count * ROW_PX
    for tick in axis.ticks:
        x = axis.at(tick)
        canvas.line((x, TOP), (x, bottom), color="grid")
        canvas.text((x, bottom + 18), label(tick), color="muted", anchor="middle", size=12)


def _row(canvas: Canvas, number: int, arm: ArmScore) -> float:
    """Write an arm's name, and return the middle of its row."""
    y = TOP + (number + 0.5) * ROW_PX
    canvas.text((LEFT - 14, y + 4), titled(arm.ref), anchor="end")
    return y


def _interval(canvas: Canvas, axis: Axis, y: float, one: Interval, color: str) -> None:
    canvas.line((axis.at(one.low), y), (axis.at(one.high), y), color=color, width=3)
    canvas.dot((axis.at(one.value), y), 5, color)


def _curve_grid(canvas: Canvas, x_axis: Axis, y_axis: Axis, counts: Sequence[int]) -> None:
    left, right = x_axis.first_px, x_axis.last_px
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        canvas.line((left, y), (right, y), color="grid")
        canvas.text((left - 8, y + 4), share(tick), color="muted", anchor="end", size=12)
    for count in counts:
        x = x_axis.at(math.log(count))
        canvas.text(
            (x, y_axis.first_px + 18), f"{count:,}", color="muted", anchor="middle", size=12
        )
    middle = (left + right) / 2
    label = "number of synthetic pairs"
    canvas.text((middle, y_axis.first_px + 36), label, color="muted", anchor="middle", size=12)


def _level(canvas: Canvas, axis: Axis, score: Interval, color: ArmName) -> float:
    left, right = CURVE_LEFT, WIDTH - CURVE_RIGHT
    low, high = axis.at(score.low), axis.at(score.high)
    canvas.area((left, low), (right, low), (right, high), (left, high), color=color)
    y = axis.at(score.value)
    canvas.line((left, y), (right, y), color=color, width=1.5, dashed=True)
    return y


def _curve(canvas: Canvas, x_axis: Axis, y_axis: Axis, curve: Curve) -> float:
    xs = [x_axis.at(math.log(mark.synthetic_pairs)) for mark in curve.points]
    lows = [(x, y_axis.at(mark.score.low)) for x, mark in zip(xs, curve.points, strict=True)]
    highs = [(x, y_axis.at(mark.score.high)) for x, mark in zip(xs, curve.points, strict=True)]
    middle = [(x, y_axis.at(mark.score.value)) for x, mark in zip(xs, curve.points, strict=True)]
    canvas.area(*lows, *reversed(highs), color=curve.arm)
    canvas.line(*middle, color=curve.arm, width=2)
    for center, mark in zip(middle, curve.points, strict=True):
        # The plateau is the filled dot: more pairs bring nothing measurable.
        is_plateau = mark.synthetic_pairs == curve.plateau
        canvas.dot(center, 6 if is_plateau else 4, curve.arm, is_open=not is_plateau)
    return middle[-1][1]


def _end_labels(canvas: Canvas, ends: Mapping[ArmName, float]) -> None:
    """Write the names of the lines at their right ends, from the top, each below the one before."""
    lowest = 0.0
    for arm, y in sorted(ends.items(), key=lambda end: end[1]):
        lowest = max(y + 4, lowest + LABEL_PX)
        canvas.text((WIDTH - CURVE_RIGHT + 10, lowest), ARM_TITLES[arm], color=arm)


def _oriented(difference: Interval, sign: int) -> Interval:
    """Return a difference whose positive side is the better one."""
    low, high = sorted((sign * difference.low, sign * difference.high))
    return Interval(value=sign * difference.value, low=low, high=high)
