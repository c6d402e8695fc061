"""The facts of batches, labelings and evaluations, and the scores of an evaluation, for `tables`."""

from collections.abc import Iterator, Sequence

from handsoff_client.api.evaluations import Evaluation
from handsoff_client.api.resources import Batch, Json, Labeling, Stream
from handsoff_client.cli.argument_types import target_text

Row = Sequence[object]


def sample_facts(item: Batch | Stream) -> dict[str, object]:
    """Return condition and targets as `--condition` and `--target` take them; without them nothing is printed."""
    shares = (item.condition or {}).items()
    return {
        "condition": ",".join(f"{number}:{share:.4g}" for number, share in shares),
        "targets": " ".join(map(target_text, item.targets)),
        "warnings": " ".join(item.warnings),
    }


def batch_facts(batch: Batch) -> dict[str, object]:
    """Return the options of a batch, and what it has become."""
    metrics = batch.metrics or {}
    return {
        "fit": batch.fit.id,
        "samples": batch.n,
        "shards": batch.num_shards,
        "seed": batch.seed,
        **sample_facts(batch),
        **_mask_options(batch),
        "achieved": ", ".join(
            f"{one['class_name']} in {one['achieved']:.1%}" for one in metrics.get("targets", ())
        ),
        "candidates_per_sample": metrics.get("candidates_per_sample"),
        "bytes": metrics.get("num_bytes"),
        "mean_score": metrics.get("mean_score"),
    }


def _mask_options(job: Batch | Labeling) -> dict[str, object]:
    return {
        "soft_labels": job.soft_labels,
        "ignore_above": job.ignore_above,
        "ignored_share": job.ignored_share,
    }


def labeling_facts(labeling: Labeling) -> dict[str, object]:
    """Return the options of a labeling, and what it has become."""
    metrics = labeling.metrics or {}
    return {
        "fit": labeling.fit.id,
        "name": labeling.name,
        "images": metrics.get("num_images"),
        **_mask_options(labeling),
        "unreadable": metrics.get("num_unreadable"),
        "not_expressible": metrics.get("num_inexpressible"),
        "mean_uncertainty": metrics.get("mean_score"),
    }


def evaluation_facts(evaluation: Evaluation) -> dict[str, object]:
    """Return the inputs of an evaluation, and how far it is."""
    return {
        "fit": evaluation.fit.id,
        "labelset": evaluation.labelset.id,
        "heldout_labelset": evaluation.heldout_labelset.id,
        **({"labeling": evaluation.labeling.id} if evaluation.labeling else {}),
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
        yield ("ARM", "PAIRS OF THE FIT", task["measure"], "DIFFERENCE TO REAL"), rows


def _interval(number: Json | None) -> str:
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]" if number else ""
