"""The end of a chaos run: one line for all stores; a failed run says its seed and keeps its logs."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.chaos.__main__ import describe, finish, result
from benchmarks.chaos.auditor import Report
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.injecting import Injected
from benchmarks.chaos.promises import Diary
from benchmarks.chaos.running import Outcome, Plan

KILL = Fault(1.0, "kill", "app", 0.0)
FILL = Fault(2.0, "fill_disk", "disk", 4.0)


def outcome_of(
    store: str, *, pairs: int = 100, findings: Mapping[str, list[str]] | None = None
) -> Outcome:
    """Return the outcome of a run with some findings."""
    return Outcome(
        Plan(store, faults=2, pairs=100, seed=7, seconds=10),
        Injected((KILL, FILL), ()),
        Report(pairs=pairs, **(findings or {})),
        left_out=["slow_store"] if store == "file" else [],
        restarts=1,
        seconds=20.0,
        diaries=(Diary("alpha"), Diary("beta")),
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return the folder of a run."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "app.log").write_text("started")
    return folder


def test_a_run_that_kept_every_promise_leaves_nothing(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 0, and the last line has the sums over both stores."""
    assert finish([outcome_of("file"), outcome_of("s3", pairs=150)], logs, 7) == 0
    assert not logs.exists()
    kinds = (
        "lost",
        "duplicated",
        "different",
        "hung",
        "unlisted",
        "left_over",
        "http_500",
        "foreign",
    )
    line = json.loads(capsys.readouterr().out)
    assert line == {"faults": 4, "pairs": 250, **dict.fromkeys(kinds, 0)}


@pytest.mark.parametrize("kind", list(Report().findings))
def test_one_finding_fails_the_run(
    kind: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of any kind, on any store. The seed and the logs allow to repeat and to explain it."""
    assert finish([outcome_of("file"), outcome_of("s3", findings={kind: ["fit_1"]})], logs, 7) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)[kind] == 1
    assert "--seed 7" in printed.err
    assert (logs / "app.log").exists()


def test_too_few_pairs_fail_the_run(logs: Path) -> None:
    """A service that does nothing breaks no promise, and proves nothing."""
    assert finish([outcome_of("file", pairs=99)], logs, 7) == 1


def test_kinds_that_no_store_got_are_named() -> None:
    """A folder cannot be slow: that is left out only if there is no other store."""
    assert result([outcome_of("file")])["left_out"] == ["slow_store"]
    assert "left_out" not in result([outcome_of("file"), outcome_of("s3")])


def test_the_first_findings_are_printed() -> None:
    """All of them could be thousands of samples."""
    lines = describe(
        outcome_of("file", findings={"lost": [f"sample {number}" for number in range(1_000)]})
    )
    assert "  lost: sample 9" in lines
    assert "  lost: and 990 more" in lines
