"""The facts and the scores of an evaluation, for `tables`."""

from collections.abc import Iterator, Sequence

from handsoff_client.api.evaluations import Evaluation
from handsoff_client.api.resources import Json

Row = Sequence[object]


def evaluation_facts(evaluation: Evaluation) -> dict[str, object]:
    """Return the inputs of an evaluation, and how far it is."""
    return {
        "fit": evaluation.fit.id,
        "labelset": evaluation.labelset.id,
        "heldout_labelset": evaluation.heldout_labelset.id,
        "trainings": trainings(evaluation),
    }


def trainings(evaluation: Evaluation) -> str:
    """Return how many parts of an evaluation have ended, and of which arms."""
    return ", ".join(f"{arm.arm} {arm.done}/{arm.total}" for arm in evaluation.arms)


def arm_scores(report: Json) -> Iterator[tuple[Row, list[Row]]]:
    """Yield heading and rows for each task: scores and their differences to real pairs, both with intervals."""
    for task in report.get("tasks", ()):
        rows: list[Row] = [
            (
                arm["ref"]["arm"],
                arm["ref"]["synthetic_pairs"] or "",
                _interval(arm["score"]),
                _interval(arm["difference"]),
            )
            for arm in task["arms"]
        ]
        yield ("ARM", "GENERATED PAIRS", task["measure"], "DIFFERENCE TO REAL"), rows


def _interval(number: Json | None) -> str:
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]" if number else ""
