"""Progress of the demo: a log shows the stage and the time left."""

import io
import time
from threading import Event

from rich.console import Console

from examples.demo.progress import Stages, watching, working

MANY_SECONDS = 60.0


class Log(io.StringIO):
    """A file that sets an event when it has enough lines."""

    def __init__(self, num_lines: int) -> None:
        super().__init__()
        self.num_lines = num_lines
        self.full = Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.getvalue().count("\n") >= self.num_lines:
            self.full.set()
        return written


def job(stage: str, done: int, total: int) -> dict[str, object]:
    """Return the state of a running job."""
    return {"progress": {"stage": stage, "done": done, "total": total}}


def test_a_log_gets_lines_without_updates() -> None:
    """Lines are written while a request or a child process takes long."""
    log = Log(4)
    with watching(Console(file=log, width=100), "fit", seconds=0.01) as watch:
        watch(job("inversion", 30, 120))
        assert log.full.wait(MANY_SECONDS)
    first, second, *_ = log.getvalue().splitlines()
    assert first.startswith("fit: inversion 30 of 120, 0:00:0")
    assert first.endswith(" left in this stage")
    assert second.startswith("fit: inversion 30 of 120, ")


def test_a_stage_is_written_when_it_begins() -> None:
    """Even a short stage is written. A queued job has no stage."""
    log = io.StringIO()
    with watching(Console(file=log), "batch", seconds=MANY_SECONDS) as watch:
        watch({"progress": None})
        watch(job("pilot", 0, 2))
        watch(job("pilot", 1, 2))
        watch(job("shards", 0, 2))
    assert [line.split(",")[0] for line in log.getvalue().splitlines()] == [
        "batch: pilot 0 of 2",
        "batch: shards 0 of 2",
    ]


def test_the_time_left_follows_the_speed_of_the_stage() -> None:
    """After a quarter of the steps, the time left is three times the elapsed time."""
    stages = Stages("fit")
    stages.update(job("ensemble", 0, 100), lambda _: None)
    stages._began = time.monotonic() - 20
    stages.update(job("ensemble", 25, 100), lambda _: None)
    assert stages.line() == "fit: ensemble 25 of 100, 0:01:00 left in this stage"


def test_a_queued_job_waits_for_a_worker() -> None:
    """A job without a worker has no stage."""
    assert Stages("fit").line() == "fit: waiting for a worker, 0:00:00 so far"


def test_a_step_without_a_job_has_lines() -> None:
    """The start of the service takes long on a slow machine."""
    log = Log(3)
    with working(Console(file=log), "starting", seconds=0.01):
        assert log.full.wait(MANY_SECONDS)
    assert log.getvalue().splitlines()[:2] == ["starting", "starting: 0:00:00 so far"]


def test_a_terminal_has_bars() -> None:
    """Bars are redrawn in place, without extra lines."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with watching(console, "fit", seconds=0.001) as watch:
        watch(job("inversion", 30, 120))
    assert "30/120" in screen.getvalue() or "120/120" in screen.getvalue()
    assert "left in this stage" not in screen.getvalue()
