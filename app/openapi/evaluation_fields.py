"""Descriptions of evaluations: their inputs, options and reports."""

from app.openapi.described import Described, Table, example_id

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
    "EvaluationCreate.name": Described("A display name.", "heads, second try"),
    "EvaluationCreate.options": Described("Options of the evaluation. Default: the defaults of its fields."),
    # Response
    "heldout_labelset": Described("The labelset that every arm is scored on."),
    "oracle_labelset": Described("The labelset with all real pairs; null without one."),
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
        "What to compare: `real` pairs, `synthetic` pairs, both `mixed`, `oracle` (all real pairs), `direct` (the fit's"
        " own labels of the held-out images), `frozen` (a mounted network with a small head). Default: real, synthetic,"
        " mixed, direct, and oracle if its labelset is given.",
        ["real", "synthetic", "mixed", "direct"],
    ),
    "synthetic_counts": Described(
        "Numbers of generated pairs, in increasing order: the report shows from which one on more bring nothing.",
        [300, 1_000, 3_000],
    ),
    "num_seeds": Described("Trainings of each arm with different seeds.", 3),
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
    "network": Described("The architecture of the downstream network.", "unet"),
    # Report
    "verdict": Described("The result in plain words.", "Mixed pairs beat real ones by 6.1 points [3.9, 8.2]."),
}  # fmt: skip
"""For evaluations."""
