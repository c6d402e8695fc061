"""The verdict, the curves and the warnings of a report as plain sentences. Every difference has its interval."""

from collections.abc import Iterator, Sequence

from contracts.evaluations.report import (
    ArmName,
    ArmRef,
    ArmScore,
    Comparison,
    CurvePoint,
    Difference,
    Interval,
    TaskReport,
)

MIN_IMAGES = 50
MIN_SEEDS = 3
MIN_PART_IMAGES = 5
"""A class in fewer held-out images has no reliable score."""
BROKEN_SHARE = 0.6
"""An arm below this share of the score of `real` has probably wrong labels."""
AS_GOOD = 0.02
"""A rival that is certainly less than 2 points worse is as good."""
MAX_NAMES = 5

ARM_TITLES: dict[ArmName, str] = {
    "real": "real alone",
    "synthetic": "synthetic alone",
    "mixed": "synthetic + real",
    "labelled": "own images + real",
    "oracle": "all real labels",
    "direct": "direct labelling",
    "frozen": "frozen features + head",
}
PLURAL: frozenset[ArmName] = frozenset({"labelled", "oracle", "frozen"})
HELPERS: dict[ArmName, str] = {
    "mixed": "synthetic pairs",
    "synthetic": "synthetic pairs",
    "labelled": "own images labelled by the fit",
}
"""What an arm adds to the real pairs, or trains on instead."""


def titled(ref: ArmRef) -> str:
    """Return an arm's name for people, with its number of pairs with labels of the fit."""
    title = ARM_TITLES[ref.arm]
    return f"{title} ({ref.synthetic_pairs:,} pairs)" if ref.synthetic_pairs else title


def points(interval: Interval, sign: int = 1) -> str:
    """Return a number in points with its interval; `sign` -1 turns an error into a gain.

    >>> points(Interval(value=0.061, low=0.039, high=0.082))
    '6.1 points [3.9, 8.2]'
    """
    low, high = sorted((sign * interval.low, sign * interval.high))
    value = 100 * sign * interval.value
    noun = "point" if f"{abs(value):.1f}" == "1.0" else "points"
    return f"{_zero(value)} {noun} [{_zero(100 * low)}, {_zero(100 * high)}]"


def verdict(task: TaskReport) -> Iterator[str]:
    """Yield the answer for one task: first whether the fit's pairs help, then what else a user should know."""
    helpful = [one for one in task.comparisons if one.first.arm in HELPERS]
    for number, comparison in enumerate(one for one in helpful if one.second.arm == "real"):
        yield (_answer(task, comparison) if number == 0 else "") + _compared(task, comparison)
    for comparison in (one for one in helpful if one.second.arm != "real"):
        yield _compared(task, comparison) + _choice(comparison)
    by_arm = {one.first.arm: one for one in task.comparisons}
    if "oracle" in by_arm:
        yield _compared(task, by_arm["oracle"]) + _closed(task)
    for arm in ("direct", "frozen"):
        if arm in by_arm:
            yield _compared(task, by_arm[arm]) + _consequence(task, by_arm[arm])
    yield from (f"{curve.text}" for curve in task.curves)


def curve(
    arm: ArmName, marks: Sequence[CurvePoint], plateau: int | None, measure: str, sign: int
) -> str:
    """Return what a curve says: "more than 500 pairs bring nothing measurable"."""
    largest, title = marks[-1].synthetic_pairs, ARM_TITLES[arm].capitalize()
    if plateau is not None:
        gain = next(mark.gain_to_largest for mark in marks if mark.synthetic_pairs == plateau)
        shown = (
            f" ({_gain(gain, sign)} of {measure} from {plateau:,} to {largest:,})" if gain else ""
        )
        return f"{title}: more than {plateau:,} pairs bring nothing measurable{shown}."
    before = marks[-2]
    shown = _gain(before.gain_to_largest, sign) if before.gain_to_largest else "no number"
    return (
        f"{title}: no plateau up to {largest:,} pairs ({shown} of {measure} from {before.synthetic_pairs:,} to"
        f" {largest:,}); more pairs may still help."
    )


def warnings(tasks: Sequence[TaskReport], num_images: int) -> Iterator[str]:
    """Yield what limits the verdict: too few images or trainings, rare classes, arms that look broken."""
    if num_images < MIN_IMAGES:
        yield (
            f"{num_images} held-out images are too few for a verdict: expected at least {MIN_IMAGES}. Only large"
            " differences can be seen; label more held-out images."
        )
    few = sorted(
        {
            titled(arm.ref)
            for task in tasks
            for arm in task.arms
            if arm.ref.arm != "direct" and len(arm.by_seed) < MIN_SEEDS
        }
    )
    if few:
        yield (
            f"fewer than {MIN_SEEDS} trainings: {_names(few)}. Their intervals miss a part of the chance in a training;"
            f" use at least {MIN_SEEDS} seeds."
        )
    for task in tasks:
        yield from _rare(task)
        yield from _broken(task)


def _answer(task: TaskReport, comparison: Comparison) -> str:
    several = {"segmentation": "Masks", "keypoints": "Keypoints", "depth": "Depth"}
    start = f"{several.get(task.task, task.task)}: "
    helpers = HELPERS[comparison.first.arm]
    return (
        start
        + {
            "better": f"{helpers} help. ",
            "worse": f"{helpers} harm. ",
            "undecided": f"no effect of {helpers} is shown. ",
        }[comparison.difference.outcome]
    )


def _compared(task: TaskReport, comparison: Comparison) -> str:
    sign = 1 if task.higher_is_better else -1
    first, second = titled(comparison.first), titled(comparison.second)
    difference = comparison.difference
    scores = _scores(task, comparison)
    is_plural = comparison.first.arm in PLURAL
    if difference.outcome == "undecided":
        return (
            f"{first.capitalize()} and {second} do not differ measurably: {_gain(difference, sign)} of"
            f" {task.measure}{scores}."
        )
    if difference.outcome == "better":
        verb = "beat" if is_plural else "beats"
        return f"{first.capitalize()} {verb} {second} by {points(difference, sign)} of {task.measure}{scores}."
    verb = "lose" if is_plural else "loses"
    return f"{first.capitalize()} {verb} to {second} by {points(difference, -sign)} of {task.measure}{scores}."


def _scores(task: TaskReport, comparison: Comparison) -> str:
    values = [
        share(arm.score.value)
        for ref in (comparison.first, comparison.second)
        for arm in task.arms
        if arm.ref == ref and arm.score is not None
    ]
    return f" ({values[0]} against {values[1]})" if len(values) == 2 else ""


def _closed(task: TaskReport) -> str:
    if task.closed_share is None:
        return ""
    closed = task.closed_share
    bounds = f"[{100 * closed.low:.0f}, {100 * closed.high:.0f}]"
    return f" Of that gap, synthetic pairs close {closed.value:.0%} {bounds}."


def _choice(comparison: Comparison) -> str:
    """Return what own images that are better or worse than generated pairs mean."""
    return {
        "better": " Label your own images with the fit rather than generate pairs.",
        "worse": " Generate pairs rather than label your own images with the fit.",
        "undecided": "",
    }[comparison.difference.outcome]


def _consequence(task: TaskReport, comparison: Comparison) -> str:
    """Return what a rival that is better or as good means. Undecided is not as good: the interval must be narrow."""
    difference = comparison.difference
    worst = difference.low if task.higher_is_better else -difference.high
    if difference.outcome != "better" and worst < -AS_GOOD:
        return ""
    if comparison.first.arm == "direct":
        return " Label images with the fit itself: no network needs to be trained."
    return " It needs no generator."


def _rare(task: TaskReport) -> Iterator[str]:
    parts = task.arms[0].parts
    absent = [name for name, part in parts.items() if part.num_images == 0]
    rare = [name for name, part in parts.items() if 0 < part.num_images < MIN_PART_IMAGES]
    if absent:
        yield f"{task.task}: no held-out image has {_names(absent)}, so the score leaves it out."
    if rare:
        yield (
            f"{task.task}: fewer than {MIN_PART_IMAGES} held-out images have {_names(rare)}; a score of so few images"
            " says little."
        )


def _broken(task: TaskReport) -> Iterator[str]:
    base = next((arm.score for arm in task.arms if arm.ref.arm == "real"), None)
    if base is None:
        return
    for arm in task.arms:
        if arm.score is not None and _is_broken(task, arm, base):
            yield (
                f"{task.task}: {titled(arm.ref)} scores {share(arm.score.value)}, {share(base.value)} with real"
                " alone. Check that its labels belong to its images."
            )


def _is_broken(task: TaskReport, arm: ArmScore, base: Interval) -> bool:
    assert arm.score is not None
    if arm.difference is None or arm.difference.outcome != "worse":
        return False
    if task.higher_is_better:
        return arm.score.value < BROKEN_SHARE * base.value
    return arm.score.value * BROKEN_SHARE > base.value


def _gain(difference: Difference, sign: int) -> str:
    text = points(difference, sign)
    return text if text.startswith("-") else f"+{text}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def share(value: float) -> str:
    """Return .612 for 0.6123, as tables of the field have it."""
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text


def _zero(value: float) -> str:
    """Return one digit after the point, and 0.0 instead of -0.0."""
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text
