"""The labelled sets of the long-tail benchmark, its table, and a run without its data."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.longtail.__main__ import ARMS, main, table
from benchmarks.longtail.data import indices_with
from benchmarks.longtail.plot import plot
from examples.portraits.classes import Part
from examples.portraits.population import draw_portrait


@pytest.mark.parametrize(("share", "worn"), [(0.0, 0), (0.3, 3), (0.7, 7)])
def test_a_set_has_the_share_of_the_accessory(share: float, worn: int) -> None:
    """Exactly, and the portraits are the first ones of the seed, so equal shares have equal sets."""
    indices = indices_with(Part.GLASSES, 5, 10, share)
    assert sum(draw_portrait(5, index).glasses is not None for index in indices) == worn
    assert len(set(indices)) == 10
    assert indices == sorted(indices) == indices_with(Part.GLASSES, 5, 10, share)


def test_the_table_has_a_row_for_each_share() -> None:
    """With the interval of each arm; a class that no network could be scored on is `none`."""
    score = {"value": 0.5, "low": 0.4, "high": 0.6}
    rows = [{"share": 0.02, **dict.fromkeys(ARMS), "generated": score}]
    assert table(rows).splitlines()[-1] == (
        "| 2% | none | 0.500 [0.400, 0.600] | none | none | none |"
    )


def test_the_plot_has_a_mark_for_each_score() -> None:
    """A dot for each score and each name of an arm; a missing score has none."""
    score = {"value": 0.5, "low": 0.4, "high": 0.6}
    rows: list[dict[str, Any]] = [
        {"share": 0.02, **dict.fromkeys(ARMS, score), "labelled": None},
        {"share": 0.7, **dict.fromkeys(ARMS, score)},
    ]
    svg = plot(rows, "glasses").svg(with_style=True)
    assert svg.count("<circle") == 9 + 5
    assert ">70%<" in svg


def test_without_its_data_the_benchmark_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with one line of JSON that names the missing folder, and without an error."""
    assert main(["--generator", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == f"no generator in {tmp_path}"
