"""The goals of a GPU day, and the summary of its parts."""

from collections.abc import Sequence
from typing import Any

from benchmarks.gpu_day.running import Outcome, Place

PAIRS_PER_SECOND = 200.0
TIMES_NAIVE = 20.0


def summary(outcomes: Sequence[Outcome], place: Place) -> dict[str, Any]:
    """Return the goals with what was measured, and the status of every part."""
    return {
        "benchmark": "gpu_day",
        "device": place.device,
        "torch": place.torch,
        "dry_run": place.dry_run,
        "goals": _goals(outcomes, place),
        "parts": {outcome.part: outcome.status for outcome in outcomes},
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
    }


def _goals(outcomes: Sequence[Outcome], place: Place) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for outcome in outcomes:
        if outcome.part == "pairs" and outcome.result is not None:
            (figures,) = outcome.result.values()  # of one resolution
    rates = figures.get("images_per_second", {})
    return {
        "pairs_per_second": _goal(PAIRS_PER_SECOND, rates.get("pairs"), place),
        "times_naive": _goal(TIMES_NAIVE, figures.get("naive_over_pairs"), place),
    }


def _goal(goal: float, measured: float | None, place: Place) -> dict[str, float | bool | None]:
    """Return whether a goal is met: None for a dry run, whose sizes are tiny, and without a measurement."""
    is_judged = measured is not None and not place.dry_run
    met = is_judged and measured is not None and measured >= goal
    return {"goal": goal, "measured": measured, "met": met if is_judged else None}
