"""Progress of a job: bars for its stages on a terminal, and lines with the time left in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from examples.demo.plain_client import Json, Watch

LINE_SECONDS = 5.0
"""Longest time between two lines in a log."""


@contextmanager
def working(console: Console, title: str, seconds: float = LINE_SECONDS) -> Iterator[None]:
    """Show a title while the block runs: a spinner on a terminal, lines in a log."""
    if console.is_terminal:
        with console.status(title):
            yield
        return
    console.print(title)
    began = time.monotonic()
    with _lines(console, lambda: f"{title}: {duration(time.monotonic() - began)} so far", seconds):
        yield


@contextmanager
def watching(console: Console, title: str, seconds: float = LINE_SECONDS) -> Iterator[Watch]:
    """Yield a function that shows the state of a job."""
    if console.is_terminal:
        with _bars(console, title) as watch:
            yield watch
        return
    stages = Stages(title)
    with _lines(console, stages.line, seconds):
        yield lambda job: stages.update(job, console.print)


class Stages:
    """The current stage of a job, its start time, and its steps."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._stage = "waiting for a worker"
        self._done, self._total = 0, 0

    def update(self, job: Json, write: Callable[[str], None]) -> None:
        """Store the state of a job, and write a line when a new stage begins."""
        progress = job["progress"]
        if progress is None:
            return
        is_new = progress["stage"] != self._stage
        if is_new:
            self._began = time.monotonic()
        self._stage = progress["stage"]
        self._done, self._total = progress["done"], progress["total"]
        if is_new:
            write(self.line())

    def line(self) -> str:
        """Return the stage, its steps, and the estimated time left in the stage."""
        elapsed = time.monotonic() - self._began
        start = f"{self._title}: {self._stage}"
        if not self._total:
            return f"{start}, {duration(elapsed)} so far"
        steps = f"{start} {self._done} of {self._total}"
        if not self._done:
            return f"{steps}, {duration(elapsed)} so far"
        left = elapsed / self._done * (self._total - self._done)
        return f"{steps}, {duration(left)} left in this stage"


def duration(seconds: float) -> str:
    """Return seconds as `h:mm:ss`."""
    return str(timedelta(seconds=round(seconds)))


@contextmanager
def _lines(console: Console, line: Callable[[], str], seconds: float) -> Iterator[None]:
    """Print a line at intervals from a thread, because requests and child processes may take long."""
    ended = Event()

    def run() -> None:
        while not ended.wait(seconds):
            console.print(line(), markup=False)

    thread = Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _bars(console: Console, title: str) -> Iterator[Watch]:
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    stages: dict[str, TaskID] = {}

    def watch(job: Json) -> None:
        progress = job["progress"]
        if progress is None:
            return
        stage = progress["stage"]
        if stage not in stages:
            _fill(bars, stages)
            stages[stage] = bars.add_task(f"{title}: {stage}")
        bars.update(stages[stage], completed=progress["done"], total=progress["total"])

    with bars:
        yield watch
        _fill(bars, stages)


def _fill(bars: Progress, stages: dict[str, TaskID]) -> None:
    """Complete the bars of finished stages, because polling may miss a stage's last step."""
    for task in bars.tasks:
        if task.id in stages.values():
            bars.update(task.id, completed=task.total)
