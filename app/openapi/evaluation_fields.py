"""Descriptions of evaluations: their inputs, options and reports."""

from app.openapi.described import DIGEST, Described, Table, example_id

EVALUATION_FIELDS: Table = {
    # Request
    "EvaluationCreate.fit": Described("The fit that generates pairs; it must have succeeded.", example_id("fit")),
    "EvaluationCreate.labelset": Described(
        "The real pairs that the arms `real` and `mixed` train on. Default: those of the fit.",
        example_id("labelset"),
    ),
    "EvaluationCreate.heldout_labelset": Described(
        "Real pairs that nothing trains on, at least 50: every arm is scored on them.", example_id("labelset")
    ),
    "EvaluationCreate.oracle_labelset": Described(
        "All real pairs that you have: the arm `oracle` trains on them.", example_id("labelset")
    ),
    "EvaluationCreate.labeling": Described(
        "Your own images with labels of the same fit, from a labeling that has succeeded: the arm `labelled` trains on"
        " them and on the real pairs.",
        example_id("labeling"),
    ),
    "EvaluationCreate.name": Described("A display name.", "heads, second try"),
    "EvaluationCreate.options": Described("Options of the evaluation. Default: the defaults of its fields."),
    # Response
    "heldout_labelset": Described("The labelset that every arm is scored on."),
    "oracle_labelset": Described("The labelset with all real pairs; null without one."),
    "EvaluationView.labeling": Described("The labeling with your own images, pinned by its digest; null without one."),
    "PinnedLabeling.id": Described("The labeling's id.", example_id("labeling")),
    "PinnedLabeling.digest": Described("SHA-256 of the digests of its shards.", DIGEST),
    "EvaluationView.labelset": Described("The real pairs that arms train on."),
    "EvaluationView.fit": Described("The fit that generates pairs, pinned by its digest."),
    "EvaluationView.warnings": Described("What makes the report less certain."),
    "EvaluationWarning.code": Described("The kind of warning.", "few_heldout_images"),
    "EvaluationWarning.detail": Described("What to change.", "12 held-out images are too few for a clear verdict."),
    "EvaluationView.arms": Described("How many trainings of each arm have ended."),
    "EvaluationView.report": Described("The report; null until the job has succeeded."),
    "EvaluationView.files": Described("The report as JSON and HTML, and its pictures, with links."),
    "ReportFile.name": Described("The name of the file.", "report.html"),
    "ArmProgress.arm": Described("The arm.", "mixed"),
    "ArmProgress.done": Described("Trainings that have ended.", 2),
    "ArmProgress.total": Described("All trainings of the arm.", 9),
    # Options
    "arms": Described(
        "What to compare: `real` pairs, `synthetic` pairs, both `mixed`, `labelled` (own images that the fit has"
        " labelled, with the real pairs), `oracle` (all real pairs), `direct` (the fit's own labels of the held-out"
        " images), `frozen` (a mounted network with a small head). Default: real, synthetic, mixed, direct, and oracle"
        " and labelled if their inputs are given.",
        ["real", "synthetic", "mixed", "direct"],
    ),
    "synthetic_counts": Described(
        "Numbers of generated pairs, in increasing order: the report shows from which one on more bring nothing.",
        [300, 1_000, 3_000],
    ),
    "num_seeds": Described("Trainings of each arm with different seeds.", 4),
    **{
        f"{options}.{field}": described
        for options in ("EvaluationOptions", "ResolvedEvaluationOptions")
        for field, described in {
            "steps": Described("Steps of each training, equal for all arms.", 600),
            "flips": Described(
                "Whether half of the images are mirrored while training; names with left and right are swapped.", True
            ),
        }.items()
    },
    "network": Described(
        "The network that the arms train: `unet`, or an architecture and an encoder of segmentation-models-pytorch,"
        " which learns masks alone.",
        "unet",
    ),
    "SmpNetwork.kind": Described("The library: segmentation-models-pytorch.", "smp"),
    "SmpNetwork.architecture": Described("The architecture.", "unet"),
    "SmpNetwork.encoder": Described("The encoder.", "resnet18"),
    "SmpNetwork.weights": Described(
        "The encoder's first weights: `random`, or `mounted`, those that the operator mounted.", "random"
    ),
    # Report
    "EvaluationReport.network": Described(
        "The network that the arms trained, except `frozen`.", "smp:unet/resnet18"
    ),
    "EvaluationReport.num_images": Described("The number of held-out images.", 60),
    "EvaluationReport.num_seeds": Described("The smallest number of trainings of an arm.", 3),
    "num_draws": Described("The bootstrap draws behind each interval.", 2_000),
    "confidence": Described("The share of intervals that contain the true number.", 0.95),
    "EvaluationReport.tasks": Described("The comparison of each task."),
    "verdict": Described("The answer in plain sentences.", ["Mixed pairs beat real ones by 6.1 points [3.9, 8.2]."]),
    "EvaluationReport.warnings": Described("What limits the verdict.", ["12 held-out images are too few."]),
    "TaskReport.task": Described("The task.", "segmentation"),
    "measure": Described("The measure of the task: mIoU, PCK@0.1 or AbsRel.", "mIoU"),
    "higher_is_better": Described("False for errors (AbsRel).", True),
    "TaskReport.arms": Described("The scores of each arm."),
    "comparisons": Described("The comparisons that the verdict rests on."),
    "curves": Described("The scores over the number of generated pairs."),
    "closed_share": Described(
        "The share of the gap between `real` and `oracle` that generated pairs close; null without such a gap."
    ),
    "ArmScore.ref": Described("The arm."),
    "ArmRef.arm": Described("The name of the arm.", "mixed"),
    "ArmRef.synthetic_pairs": Described(
        "Pairs with labels of the fit that the arm trains on: generated ones, for `labelled` own images; 0 for an arm"
        " without any.",
        1_000,
    ),
    "CurvePoint.synthetic_pairs": Described("The number of generated pairs.", 1_000),
    "ArmScore.score": Described("The score on the held-out images; null without a label to compare with."),
    "by_seed": Described("The score of each training.", [0.51, 0.53, 0.52]),
    "difference": Described("The paired difference to `real`; null for `real` itself."),
    "ArmScore.parts": Described("The scores by class or keypoint."),
    "PartScore.num_images": Described("Held-out images that contain the class or keypoint.", 41),
    "PartScore.score": Described("The score of the class or keypoint; null without any."),
    "Comparison.first": Described("The arm whose advantage is measured."),
    "Comparison.second": Described("The arm that it is compared with."),
    "Comparison.difference": Described("The score of the first arm minus that of the second one."),
    "value": Described("The measured number.", 0.061),
    "low": Described("The lower bound of its interval.", 0.039),
    "high": Described("The upper bound of its interval.", 0.082),
    "outcome": Described("Whether the first arm is better; `undecided` if the interval contains 0.", "better"),
    "Curve.arm": Described("The arm.", "mixed"),
    "Curve.points": Described("The scores in ascending order of pairs."),
    "plateau": Described("The number of pairs from which on more bring nothing; null while the score rises.", 1_000),
    "text": Described("The curve in a sentence.", "More than 1,000 generated pairs bring nothing."),
    "CurvePoint.score": Described("The score with this number of pairs."),
    "gain_to_largest": Described("What the largest number of pairs adds; null for the largest one."),
}  # fmt: skip
"""For evaluations."""
