"""Reports: their numbers and their sentences."""

import numpy as np
import pytest
import torch

from contracts.evaluations.report import ArmName, ArmRef, EvaluationReport
from contracts.schemas import LabelSchema
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from models.downstream.training import Plan, train
from models.tasks.task_set import Labels
from tests.models.downstream.shapes import TASKS, shapes
from tests.workers.evaluating.confusions import COMMON, LABELS, HeldOut, arm, training
from workers.evaluating.reporting import Scores, build_report
from workers.evaluating.scoring import ImageScores, score_network

DRAWS = 300


def report(
    losses: dict[tuple[ArmName, int], float], *, images: int = 80, seeds: int = 3
) -> EvaluationReport:
    """Return a report on arms that lose this much of their log odds."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(images, rng, COMMON)
    scores = {
        key: arm(held_out, rng, loss=loss, seeds=1 if key[0] == "direct" else seeds)
        for key, loss in losses.items()
    }
    return build_report(scores, LABELS, num_draws=DRAWS)


def test_the_verdict_names_gain_rivals_and_curve() -> None:
    """Each sentence has its difference with an interval."""
    result = report(
        {
            ("real", 0): 0.5,
            ("synthetic", 500): 1.0,
            ("mixed", 500): 0.1,
            ("mixed", 1000): 0.1,
            ("oracle", 0): -0.5,
            ("direct", 0): -1.2,
            ("frozen", 0): 0.9,
        }
    )
    first, second, oracle, direct, frozen, curve = result.verdict
    assert first.startswith(
        "Masks: synthetic pairs help. Synthetic + real (1,000 pairs) beats real"
    )
    assert "points [" in first
    assert second.startswith("Synthetic alone (500 pairs) loses to real alone by ")
    assert oracle.startswith("All real labels beat real alone by ")
    assert "Of that gap, synthetic pairs close " in oracle
    closed = result.tasks[0].closed_share
    assert closed is not None
    assert 0.2 < closed.low < closed.value < closed.high < 0.7
    assert direct.startswith("Direct labelling beats synthetic + real (1,000 pairs) by ")
    assert direct.endswith("Label images with the fit itself: no network needs to be trained.")
    assert frozen.startswith("Frozen features + head lose to synthetic + real")
    assert curve.startswith("Synthetic + real: ")
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("loss", "start", "end"),
    [
        (-0.4, "Own images + real (1,000 pairs) beat synthetic", "rather than generate pairs."),
        (0.7, "Own images + real (1,000 pairs) lose to synthetic", "with the fit."),
        (0.1, "Own images + real (1,000 pairs) and synthetic + real (3,000 pairs) do not", "."),
    ],
)
def test_own_images_are_compared_with_real_and_generated_pairs(
    loss: float, start: str, end: str
) -> None:
    """The question of a user: generate pairs, or label my own images?"""
    result = report(
        {("real", 0): 0.9, ("mixed", 500): 0.2, ("mixed", 3000): 0.1, ("labelled", 1000): loss}
    )
    synthetic, gain, choice, _ = result.verdict
    assert synthetic.startswith("Masks: synthetic pairs help.")
    assert gain.startswith("Own images + real (1,000 pairs) ")
    assert " real alone" in gain
    assert choice.startswith(start)
    assert choice.endswith(end)


def test_own_images_alone_are_the_answer() -> None:
    """Without generated pairs the verdict begins with own images."""
    first = report({("real", 0): 0.9, ("labelled", 1000): 0.1}).verdict[0]
    assert first.startswith(
        "Masks: own images labelled by the fit help. Own images + real (1,000 pairs) beat real"
    )


def test_more_pairs_that_add_nothing_are_called_a_plateau() -> None:
    """Equal scores at 500 and 1,000 pairs: the curve ends at 500, and says what the others added."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(80, rng, COMMON)
    more = arm(held_out, rng, loss=0.0)
    scores: Scores = {
        ("mixed", 100): arm(held_out, rng, loss=1.5),
        ("mixed", 500): more,
        ("mixed", 1000): more,
    }
    (curve,) = build_report(scores, LABELS, num_draws=DRAWS).tasks[0].curves
    assert curve.plateau == 500
    assert curve.text.startswith(
        "Synthetic + real: more than 500 pairs bring nothing measurable (+0.0"
    )


def test_a_rising_curve_has_no_plateau() -> None:
    """While the score rises, the verdict says that more pairs may help."""
    result = report(
        {("real", 0): 0.0, ("mixed", 100): 0.6, ("mixed", 200): 0.3, ("mixed", 400): 0.0}
    )
    (curve,) = result.tasks[0].curves
    assert curve.plateau is None
    assert "no plateau up to 400 pairs" in curve.text
    assert [point.synthetic_pairs for point in curve.points] == [100, 200, 400]
    assert curve.points[-1].gain_to_largest is None


def test_equal_arms_are_called_undecided() -> None:
    """No effect is claimed, and the interval is shown."""
    first = report({("real", 0): 0.0, ("mixed", 100): 0.0}).verdict[0]
    assert "no effect of synthetic pairs is shown" in first
    assert "do not differ measurably" in first
    assert "[" in first


def test_few_images_few_seeds_and_rare_classes_are_warned_of() -> None:
    """Fewer than 50 held-out images are called too few."""
    warnings = report({("real", 0): 0.0, ("mixed", 100): 0.0}, images=12, seeds=2).warnings
    assert warnings[0].startswith("12 held-out images are too few for a verdict")
    assert warnings[1].startswith(
        "fewer than 3 trainings: real alone, synthetic + real (100 pairs)"
    )
    assert "fewer than 5 held-out images have class" in warnings[2]


def test_an_absent_class_is_named_and_left_out() -> None:
    """It has no score, and the mean over the others is the score."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(60, rng, COMMON)
    held_out.pixels[:, 10] = 0
    result = build_report({("real", 0): arm(held_out, rng)}, LABELS, num_draws=DRAWS)
    (only,) = result.tasks[0].arms
    assert only.parts["class 10"].score is None
    values = [part.score.value for part in only.parts.values() if part.score]
    assert only.score is not None
    assert only.score.value == pytest.approx(np.mean(values))
    assert "no held-out image has class 10" in result.warnings[0]


def test_reports_of_points_and_depth_know_what_is_better() -> None:
    """A lower AbsRel is a gain; both tasks have their own verdict."""
    rng = np.random.default_rng(0)

    def scores(rate: float, error: float) -> ImageScores:
        visible = np.ones((60, 2), np.int64)
        return ImageScores(
            {
                "keypoints": {"hits": rng.binomial(visible, rate), "visible": visible},
                "depth": {
                    "errors": rng.normal(error, 0.1, (60, 1)) * 100,
                    "pixels": np.full((60, 1), 100),
                },
            }
        )

    schema = LabelSchema.model_validate(
        {"keypoints": {"names": ["left", "right"]}, "depth": {"scale": 1.0}}
    )
    both: Scores = {
        ("real", 0): [scores(0.4, 0.5) for _ in range(3)],
        ("mixed", 9): [scores(0.9, 0.3) for _ in range(3)],
    }
    result = build_report(both, schema, num_draws=DRAWS)
    keypoints, depth = result.verdict
    assert keypoints.startswith("Keypoints: synthetic pairs help. Synthetic + real (9 pairs) beats")
    assert depth.startswith(
        "Depth: synthetic pairs help. Synthetic + real (9 pairs) beats real alone by "
    )
    assert result.tasks[1].comparisons[0].difference.value < 0
    assert set(result.tasks[0].arms[0].parts) == {"left", "right"}


def test_shuffled_labels_are_visible_in_the_verdict() -> None:
    """Networks trained on labels of other images lose, the verdict says so, and a warning names the probable cause."""
    held_out, real, generated = shapes(60, 9), shapes(12, 0), shapes(60, 1)
    shuffled = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    labels = Labels(generated.px, segmentation=generated.labels["segmentation"][shuffled])
    arms: dict[tuple[ArmName, int], Pairs] = {
        ("real", 0): real,
        ("synthetic", 60): Pairs.of(generated.images, labels),
    }
    options = DownstreamOptions(channels=(8, 16), steps=40, batch=8, checks=2)
    scores = {
        key: [
            score_network(
                train(Plan(pairs=pairs, tasks=TASKS, options=options, seed=seed, swaps={})),
                held_out,
                TASKS,
            )
            for seed in range(3)
        ]
        for key, pairs in arms.items()
    }
    result = build_report(scores, LabelSchema(classes=("none", "square", "disk")), num_draws=DRAWS)
    assert result.verdict[0].startswith(
        "Masks: synthetic pairs harm. Synthetic alone (60 pairs) loses"
    )
    assert any("Check that its labels belong to its images." in one for one in result.warnings)


def test_a_report_survives_json() -> None:
    """What is stored is what was computed."""
    result = report({("real", 0): 0.0, ("mixed", 100): 0.1})
    assert EvaluationReport.model_validate_json(result.model_dump_json()) == result


def test_comparisons_are_fixed_in_advance() -> None:
    """The verdict compares the largest number of pairs, also where a smaller one scores better: no best is picked."""
    result = report({("real", 0): 0.0, ("mixed", 100): -0.5, ("mixed", 400): 0.5})
    assert result.tasks[0].comparisons[0].first == ArmRef(arm="mixed", synthetic_pairs=400)


def test_no_arm_is_refused() -> None:
    """There is nothing to report."""
    with pytest.raises(ValueError, match="at least one arm"):
        build_report({}, LABELS)


def test_arms_with_different_images_are_refused() -> None:
    """They cannot be paired."""
    rng = np.random.default_rng(0)
    scores: Scores = {
        ("real", 0): [training(HeldOut.drawn(10, rng), rng)],
        ("mixed", 1): [training(HeldOut.drawn(11, rng), rng)],
    }
    with pytest.raises(ValueError, match="equal held-out images"):
        build_report(scores, LABELS)
