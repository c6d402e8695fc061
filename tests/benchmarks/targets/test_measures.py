"""The figures of directions, and a benchmark without its data."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.targets.__main__ import main
from benchmarks.targets.measures import STRENGTHS, row


def shares(*own: float) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return the shares of two classes at each strength: the second one is `own`."""
    return [np.array([50 - 2 * one, one]) for one in own]


def test_a_direction_is_judged_by_its_steps_and_by_the_others() -> None:
    """Every step must rise; the change of another class is measured from the samples that are not moved."""
    assert len(STRENGTHS) == 5
    good = row(shares(1, 2, 3, 4, 6), 1)
    assert good == {"shares": [1, 2, 3, 4, 6], "is_monotone": True, "most_of_others": 6.0}
    assert not row(shares(1, 2, 3, 2.9, 6), 1)["is_monotone"]
    assert not row(shares(1, 2, 2, 3, 4), 1)["is_monotone"]


def test_without_its_data_the_benchmark_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with one line of JSON that names the missing folder, and without an error."""
    assert main(["--generator", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == f"no generator in {tmp_path}"
