"""The progress of a job: one redrawn line on a terminal, or in a log a line per stage and per half minute."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from handsoff_client.api.jobs import Watch
from handsoff_client.api.resources import Job
from handsoff_client.cli.stages import Schedule, Stages

WIDTH = 20
LOG_SECONDS = 30.0
"""The interval of lines in a log during one stage."""

_CLEAR = "\r\x1b[K"


@contextmanager
def bar(target: TextIO | None = None, *, schedule: Schedule | None = None) -> Iterator[Watch]:
    """Yield a `watch` for `wait` that draws a progress bar (default target: standard error).

    `schedule` has the durations of an earlier job's stages, to estimate the time left for the whole job.
    """
    line = Line(target or sys.stderr, schedule)
    try:
        yield line.show
    finally:
        line.end()


class Line:
    """The line of a progress bar, and its last state."""

    def __init__(self, target: TextIO, schedule: Schedule | None = None) -> None:
        self._target = target
        self._schedule = schedule or Schedule()
        self._is_terminal = target.isatty()
        self._stage = ""
        self._is_drawn = False
        self._has_listed = False
        self._start = self._written = time.monotonic()

    def show(self, job: Job) -> None:
        """Draw the current state of a job."""
        stage, text = describe(job, self._schedule)
        if self._is_terminal:
            self._list_stages(job)
            elapsed = _clock(time.monotonic() - self._start)
            self._draw(f"{job.kind:<9}  {text}  {elapsed}")
        elif stage != self._stage or time.monotonic() - self._written >= LOG_SECONDS:
            self._written = time.monotonic()
            self._write(f"{job.id}: {text}\n")
        self._stage = stage

    def count(self, title: str, done: int, total: int) -> None:
        """Draw the progress of something other than a job."""
        if self._is_terminal:
            self._draw(f"{title:<9}  {_bar(done, total)}")

    def end(self) -> None:
        """End the line, so that it is not drawn over."""
        if self._is_drawn:
            self._write("\n")
            self._is_drawn = False

    def _list_stages(self, job: Job) -> None:
        """Write the stages of the whole job once, above the line."""
        names = self._schedule.stages(job).names
        if job.status == "running" and not self._has_listed and len(names) > 1:
            self._has_listed = True
            self._write(f"{_CLEAR}{job.kind:<9}  stages: {', '.join(names)}\n")

    def _draw(self, text: str) -> None:
        """Draw text, cut at the width of the terminal: a wrapped line cannot be redrawn."""
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR}{text[:width]}")
        self._is_drawn = True

    def _write(self, text: str) -> None:
        self._target.write(text)
        self._target.flush()


def describe(job: Job, schedule: Schedule | None = None) -> tuple[str, str]:
    """Return the stage of a job, and the line: stage, bar, count, time left for the stage and for the job."""
    progress = job.progress
    if progress is None or job.status != "running":
        stage = job.status if job.status != "queued" else _queued(job)
        return stage, stage
    schedule = schedule or Schedule()
    stages = schedule.stages(job)
    parts = [f"{_position(stages)}{progress.stage:<12} {_bar(progress.done, progress.total)}"]
    if job.is_stale:  # the times left are as old as the report
        return progress.stage, f"{parts[0]}  no news from the worker"
    if progress.eta_seconds is not None:
        parts.append(f"{_clock(progress.eta_seconds)} left")
    total_seconds = schedule.seconds_left(job)
    if stages.later and total_seconds is not None:
        parts[-1] += f", about {_clock(total_seconds)} in total"
    return progress.stage, "  ".join(parts)


def _queued(job: Job) -> str:
    """Return what a queued job waits for: another job, or its turn."""
    if job.progress is not None:
        return f"queued ({job.progress.stage})"
    return "queued" if job.queue_position is None else f"queued (position {job.queue_position})"


def _position(stages: Stages) -> str:
    return f"{stages.place + 1}/{len(stages.names)} " if len(stages.names) > 1 else ""


def _bar(done: int, total: int) -> str:
    part = min(WIDTH, round(WIDTH * done / total)) if total else 0
    return f"{'█' * part}{'░' * (WIDTH - part)} {done}/{total}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(min(max(seconds, 0), 359_999)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
