"""The progress of a job: its stages, and the time left for the stage and for the job."""

import io
from typing import Any

import pytest

from handsoff_client import Fit, Job
from handsoff_client.cli.progress import Line, bar, describe
from handsoff_client.cli.stages import Schedule, schedule_from
from handsoff_client.http.parsing import parse
from tests.client.conftest import job

SECONDS = {
    "inverting": 10.0,
    "estimating": 20.0,
    "comparing": 8.0,
    "training": 40.0,
    "sampling": 2.0,
    "labelling": 5.0,
}


class Terminal(io.StringIO):
    """A target that is a terminal."""

    def isatty(self) -> bool:
        return True


def at(stage: str, done: int, total: int, eta: float | None = None, **more: Any) -> Fit:
    """Return a running fit."""
    progress = {"stage": stage, "done": done, "total": total, "eta_seconds": eta}
    return parse(Fit, job("fit", "running", progress=progress, **more))


def test_progress_is_one_line() -> None:
    """It has the stage, a bar, a count, and the time left. A queued job has a position."""
    schedule = Schedule(SECONDS)
    _, text = describe(at("training", 5, 20, 60.0), schedule)
    assert text == "4/6 training     █████░░░░░░░░░░░░░░░ 5/20  1:00 left, about 1:14 in total"
    _, text = describe(at("labelling", 1, 2), schedule)
    assert text == "6/6 labelling    ██████████░░░░░░░░░░ 1/2"
    assert describe(parse(Fit, job("fit", "queued", queue_position=3)))[0] == "queued (position 3)"


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, ("inverting", "estimating", "comparing", "training", "sampling", "labelling")),
        ({"options": {"estimate": False}}, ("inverting", "training", "labelling")),
        (
            {"options": {"estimate": False, "ensemble": {"flips": True}}},
            ("inverting", "inverting mirrored", "training", "labelling"),
        ),
        (
            {"validation_labelset": {"id": "l", "digest": "0"}, "options": {"estimate": False}},
            ("inverting", "training", "labelling", "inverting held-out", "labelling held-out"),
        ),
    ],
)
def test_the_stages_of_a_fit_follow_from_its_request(
    more: dict[str, Any], names: tuple[str, ...]
) -> None:
    """An estimate and a validation labelset add stages."""
    stages = Schedule().stages(at("training", 1, 2, **more))
    assert stages.names == names
    assert (*names[: stages.place], "training", *stages.later) == names


def test_an_unknown_stage_is_shown() -> None:
    """A newer service may have more stages. The total time is unknown then."""
    fit = at("polishing", 1, 2, 5.0)
    assert Schedule().stages(fit).names[-1] == "polishing"
    assert describe(fit)[1].endswith("1/2  0:05 left")
    assert Schedule().stages(at("fetching", 1, 2)).names[0] == "fetching"


@pytest.mark.parametrize(
    ("done", "eta", "left"),
    [(0, 20.0, 75.0), (10, 20.0, 130.0), (19, None, None), (20, 0.0, None)],
)
def test_the_total_time_follows_the_pace_of_the_stage(
    done: int, eta: float | None, left: float | None
) -> None:
    """A job that is twice as slow as the reference stays so. Without a pace there is no estimate."""
    assert Schedule(SECONDS).seconds_left(at("estimating", done, 20, eta)) == left


def test_the_last_stage_needs_no_estimate() -> None:
    """Its time left is the total time left."""
    assert Schedule({}).seconds_left(at("labelling", 1, 2, 3.0)) == 3.0


def test_a_fit_with_the_same_options_is_the_reference() -> None:
    """It is the newest one. Stages that it did not have are estimated at its pace."""
    similar = at("training", 0, 1, options={"seed": 1}, metrics={"stage_seconds": SECONDS})
    other = at("training", 0, 1, options={"seed": 2}, metrics={"stage_seconds": {"training": 1}})
    broken = at("training", 0, 1, options={"seed": 1}, metrics={"stage_seconds": "none"})
    fit = at("training", 0, 1, options={"seed": 1})
    schedule = schedule_from([other, broken, similar], fit)
    assert {name: schedule.reference[name] for name in SECONDS} == SECONDS
    assert schedule.reference["inverting held-out"] > 0
    assert schedule_from([other], fit) == Schedule()


def test_a_terminal_shows_the_stages_once_and_redraws_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line is cut at the width: a wrapped line cannot be redrawn."""
    monkeypatch.setenv("COLUMNS", "60")
    target = Terminal()
    with bar(target) as watch:
        for done in range(3):
            watch(at("training", done, 3, 60.0))
    stages = "stages: inverting, estimating, comparing, training, sampling, labelling\n"
    assert target.getvalue().count(stages) == 1
    drawn = target.getvalue().split("\r\x1b[K")[2:]
    assert len(drawn) == 3
    assert all(len(line.rstrip("\n")) <= 59 for line in drawn)


def test_a_log_has_a_line_for_each_stage() -> None:
    """No line is redrawn."""
    target = io.StringIO()
    line = Line(target)
    jobs: list[Job] = [at("inverting", 0, 2), at("inverting", 1, 2), at("training", 0, 9)]
    for one in jobs:
        line.show(one)
    line.end()
    lines = target.getvalue().splitlines()
    assert [text.partition(": ")[2].split()[1] for text in lines] == ["inverting", "training"]
    assert "\x1b" not in target.getvalue()


def test_old_progress_is_marked() -> None:
    """The worker has died: the time left would be wrong for as long as no other has taken over."""
    fit = at("inversion", 1, 2, 5.0, is_stale=True)
    assert describe(fit)[1].endswith("1/2  no news from the worker")
