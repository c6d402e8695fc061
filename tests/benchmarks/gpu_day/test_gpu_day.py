"""The GPU day: its dry run on the CPU, resumption by part, and the summary."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu_day.__main__ import MINUTES, main
from benchmarks.gpu_day.goals import summary
from benchmarks.gpu_day.gpu_tests import TESTS, marked_files
from benchmarks.gpu_day.parts import PARTS, Part
from benchmarks.gpu_day.running import Outcome, Place, finished, run

HERE = Path(__file__).resolve()
PLACE = Place("cpu", torch.__version__, dry_run=True)
GPU = Place("NVIDIA H100", torch.__version__, dry_run=False)
LONG = ("precision", "service", "tests", "fit")


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the printed lines as JSON."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def scripted(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> Part:
    """Return a part that runs `code` as a module."""
    (folder / "scripted_part.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return Part("scripted", "scripted_part", "", "", minutes=1)


@pytest.mark.parametrize(
    "name",
    [pytest.param(part.name, marks=[pytest.mark.long] * (part.name in LONG)) for part in PARTS],
)
def test_a_dry_run_of_a_part_works_and_is_not_repeated(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part ends with a result at tiny sizes on the CPU. A second run prints the same result from the folder."""
    arguments = ["--dry-run", "--out", str(tmp_path), "--part", name]
    assert main(arguments) == 0, (tmp_path / f"{name}.log").read_text()
    part, last = lines_of(capsys)
    assert part["part"] == name
    assert part["result"]
    assert last["parts"] == {name: "done"}
    written = (tmp_path / f"{name}.json").stat().st_mtime_ns
    assert main(arguments) == 0
    assert lines_of(capsys) == [part, last]
    assert (tmp_path / f"{name}.json").stat().st_mtime_ns == written


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_only_a_dry_run_is_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names --dry-run. Nothing is run or written."""
    assert main(["--out", str(tmp_path)]) == 2
    assert "expected a CUDA device, found none" in (message := capsys.readouterr().err)
    assert "--dry-run" in message
    assert list(tmp_path.iterdir()) == []


def test_a_day_without_time_left_starts_no_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts that did not fit into the day are named, and the exit status is 1."""
    assert main(["--dry-run", "--out", str(tmp_path), "--minutes", "0.1"]) == 1
    assert set(lines_of(capsys)[-1]["parts"].values()) == {"not started"}


def test_the_parts_fit_into_the_day() -> None:
    """The time limits add up to at most 25 minutes."""
    assert sum(part.minutes for part in PARTS) <= MINUTES


def test_a_result_belongs_to_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of a dry run does not count on a GPU, nor one of another torch."""
    part = scripted(tmp_path, "print('noise\\n{\"x\": 1}')", monkeypatch)
    assert run(part, tmp_path, PLACE, 30).result == {"x": 1}
    assert finished(part, tmp_path, PLACE) is not None
    assert finished(part, tmp_path, GPU) is None
    assert finished(part, tmp_path, replace(PLACE, torch="1.0")) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('out of memory')", "out of memory"),
        ("print('no result')", "status 0"),
    ],
)
def test_a_failed_part_is_run_again(
    code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome has the end of the log, and the part counts as missing."""
    part = scripted(tmp_path, code, monkeypatch)
    outcome = run(part, tmp_path, PLACE, 30)
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert reason in outcome.error
    assert finished(part, tmp_path, PLACE) is None


def test_a_part_that_takes_too_long_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted as by Ctrl+C, so it can stop its own processes, and fails."""
    code = f"""
import time
from pathlib import Path
try:
    time.sleep(60)
except KeyboardInterrupt:
    Path({str(tmp_path / "stopped")!r}).touch()
"""
    began = time.monotonic()
    outcome = run(scripted(tmp_path, code, monkeypatch), tmp_path, PLACE, 3)
    assert (outcome.status, time.monotonic() - began < 50) == ("failed", True)
    assert "took longer than 3 s" in str(outcome.error)
    assert (tmp_path / "stopped").exists()


def test_the_summary_judges_the_goals() -> None:
    """Goals are judged by the pairs of a GPU; a dry run or a missing part judges nothing."""
    figures = {"1024": {"images_per_second": {"pairs": 210.0}, "naive_over_pairs": 19.0}}
    outcome = Outcome("pairs", "done", GPU, result=figures)
    goals = summary([outcome], GPU)["goals"]
    assert [goal["met"] for goal in goals.values()] == [True, False]
    for outcomes, place in (([outcome], PLACE), ([], GPU)):
        goals = summary(outcomes, place)["goals"]
        assert [goal["met"] for goal in goals.values()] == [None, None]


def test_every_test_with_the_mark_is_found() -> None:
    """The files that the part collects include the tests of devices."""
    assert TESTS / "gpu" / "test_devices.py" in marked_files(TESTS)
