"""The downstream benchmark: its summary, and runs that continue."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.downstream.portraits import Portraits
from benchmarks.downstream.runs import Runs
from benchmarks.downstream.summary import scores_of, summary, table
from benchmarks.options import BUILTIN
from contracts.evaluations.report import EvaluationReport
from models.downstream.options import DownstreamOptions
from tests.workers.evaluating.confusions import LABELS, HeldOut, arm
from workers.evaluating.reporting import build_report


@pytest.fixture
def reports() -> list[EvaluationReport]:
    """Return the reports of two draws."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(60, rng)
    return [
        build_report(
            {
                ("real", 0): arm(held_out, rng, loss=0.5),
                ("mixed", 100): arm(held_out, rng, loss=0.9),
                ("mixed", 400): arm(held_out, rng, loss=0.2),
                ("oracle", 0): arm(held_out, rng, loss=-0.5),
                ("direct", 0): arm(held_out, rng, seeds=1),
            },
            LABELS,
            num_draws=50,
        )
        for _ in range(2)
    ]


def test_the_line_has_a_score_for_each_arm(reports: list[EvaluationReport]) -> None:
    """Arms with synthetic pairs have the score of their largest number."""
    line = summary({16: reports})
    assert list(line) == ["16"]
    assert list(line["16"]) == ["real", "mixed", "direct", "oracle"]
    largest = [scores_of(report)["mixed"] for report in reports]
    assert line["16"]["mixed"] == pytest.approx(np.mean(largest), abs=1e-4)
    assert line["16"]["mixed"] > line["16"]["real"]


def test_the_table_has_errors_and_the_closed_gap(reports: list[EvaluationReport]) -> None:
    """Numbers are paired over the draws and have a standard error."""
    lines = table(16, reports).splitlines()
    assert lines[0] == "16 labels, 2 draws"
    mixed = next(line for line in lines if line.startswith("| mixed"))
    assert mixed.count("±") == 2
    assert "%" in mixed


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    """The second call reads the file; other options have other files."""
    options = DownstreamOptions(channels=(4, 8), steps=2, batch=4)
    domain = Portraits(BUILTIN, tmp_path, num_heldout=6, num_oracle=8)
    runs = Runs(domain, options, num_seeds=1, synthetic=(4,))
    calls = []

    def pairs() -> object:
        calls.append(1)
        return domain.real(0, 8)

    first = runs._trained("8-0-real-0-0", pairs, 0)  # type: ignore[arg-type]  # counts the calls
    second = runs._trained("8-0-real-0-0", pairs, 0)  # type: ignore[arg-type]
    assert len(calls) == 1
    np.testing.assert_array_equal(first.features("segmentation"), second.features("segmentation"))
    assert len(list(tmp_path.glob("runs-*/*.npz"))) == 1
