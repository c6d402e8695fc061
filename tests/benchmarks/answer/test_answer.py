"""The result of the benchmark of streams that answer, a short training, and a run without its data."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.answer.__main__ import main, samples_needed, summary
from benchmarks.answer.loop import Point


def curve(*scores: float) -> list[Point]:
    """Return a curve with a point after every 64 samples."""
    return [
        Point(64 * number, torch.tensor([score]), torch.zeros(1))
        for number, score in enumerate(scores, start=1)
    ]


def test_a_score_is_reached_by_two_points() -> None:
    """One lucky point does not count; a curve that stays below never reaches it."""
    assert samples_needed(curve(0.1, 0.9, 0.1, 0.7, 0.7), 0.6) == 64 * 5
    assert samples_needed(curve(0.1, 0.2), 0.6) is None


def test_a_seed_that_never_gets_there_leaves_no_mean() -> None:
    """The result does not drop it silently."""
    good, bad = {"needed": 256, "samples": 1024}, {"needed": None, "samples": 1024}
    assert summary([good, good])["share_of_samples"] == 0.25
    assert summary([good, good])["meets_goal"]
    assert summary([good, bad])["share_of_samples"] is None
    assert not summary([good, bad])["meets_goal"]


def test_without_its_data_the_benchmark_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with one line of JSON that names the missing folder, and without an error."""
    assert main(["--generator", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == f"no generator in {tmp_path}"
