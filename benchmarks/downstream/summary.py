"""Scores of the downstream benchmark over several draws of labelled images: a table, and one line of JSON."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from contracts.evaluations.report import ArmName, EvaluationReport
from workers.evaluating.measures import MEASURES
from workers.evaluating.scoring import ImageScores

ARMS: tuple[ArmName, ...] = ("real", "synthetic", "mixed", "labelled", "direct", "oracle")


def scores_of(report: EvaluationReport) -> dict[ArmName, float]:
    """Return the score of each arm; of an arm with several numbers of pairs, the one with the most."""
    (task,) = report.tasks
    ordered = sorted(task.arms, key=lambda arm: arm.ref.synthetic_pairs)
    return {arm.ref.arm: arm.score.value for arm in ordered if arm.score is not None}


def summary(reports: Mapping[int, Sequence[EvaluationReport]]) -> dict[str, Any]:
    """Return the mean score of each arm over the draws, by the number of labels."""
    return {
        str(labels): {
            arm: round(mean(one[arm] for one in scores), 4) for arm in ARMS if arm in scores[0]
        }
        for labels, draws in reports.items()
        for scores in [[scores_of(report) for report in draws]]
    }


def table(labels: int, reports: Sequence[EvaluationReport]) -> str:
    """Return a table in Markdown: scores, paired differences to real alone, and the share of the gap that is closed.

    Numbers after ± are standard errors over the draws of labelled images; every draw is a pair.
    """
    scores = [scores_of(report) for report in reports]
    lines = [
        f"{labels} labels, {len(reports)} draws",
        "| arm | mIoU | minus real, points | share of the gap to the oracle |",
        "|---|---|---|---|",
    ]
    for arm in [arm for arm in ARMS if arm in scores[0]]:
        gains = [100 * (one[arm] - one["real"]) for one in scores]
        gap = mean(one.get("oracle", one["real"]) - one["real"] for one in scores)
        closed = f"{mean(gains) / 100 / gap:.0%}" if gap > 0 and arm != "real" else ""
        change = _with_error(gains, 1) if arm != "real" else ""
        lines.append(
            f"| {arm} | {_with_error([one[arm] for one in scores], 4)} | {change} | {closed} |"
        )
    return "\n".join(lines)


def _with_error(values: Sequence[float], digits: int) -> str:
    error = f" ± {stdev(values) / len(values) ** 0.5:.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{error}"


def miou(scores: ImageScores) -> float:
    """Return the mIoU over all images."""
    features = scores.features("segmentation")
    return float(MEASURES["segmentation"].whole(features.sum(axis=0)))


def difference(values: Sequence[float], others: Sequence[float]) -> str:
    """Return the mean gain of paired scores in points, with its standard error."""
    gains = [100 * (one - other) for one, other in zip(values, others, strict=True)]
    error = f" ± {stdev(gains) / len(gains) ** 0.5:.1f}" if len(gains) > 1 else ""
    return f"{mean(gains):+.1f}{error}"
