"""A job's progress: on a terminal one line that is redrawn, in a log a line for each stage and every half minute."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from handsoff_client.cli.stages import Outlook, Stages
from handsoff_client.nouns.jobs import Watch
from handsoff_client.nouns.resources import Job

WIDTH = 20
LOG_SECONDS = 30.0
"""How often a log that is not a terminal gets a line while a stage goes on."""

_CLEAR = "\r\x1b[K"


@contextmanager
def bar(target: TextIO | None = None, *, outlook: Outlook | None = None) -> Iterator[Watch]:
    """Yields a `watch` for `wait`, which draws on standard error unless another target is given.

    `outlook` knows how long the stages of an earlier job took, for the time left of the whole job.
    """
    line = Line(target or sys.stderr, outlook)
    try:
        yield line.show
    finally:
        line.end()


class Line:
    """The line, and what it showed last."""

    def __init__(self, target: TextIO, outlook: Outlook | None = None) -> None:
        self._target = target
        self._outlook = outlook or Outlook()
        self._is_terminal = target.isatty()
        self._stage = ""
        self._is_drawn = False
        self._has_listed = False
        self._begun = self._written = time.monotonic()

    def show(self, job: Job) -> None:
        """Draws a job as it stands."""
        stage, text = describe(job, self._outlook)
        if self._is_terminal:
            self._list(job)
            elapsed = _clock(time.monotonic() - self._begun)
            self._draw(f"{job.kind:<9}  {text}  {elapsed}")
        elif stage != self._stage or time.monotonic() - self._written >= LOG_SECONDS:
            self._written = time.monotonic()
            self._write(f"{job.id}: {text}\n")
        self._stage = stage

    def count(self, title: str, done: int, total: int) -> None:
        """Draws a count of something that is no job."""
        if self._is_terminal:
            self._draw(f"{title:<9}  {_filled(done, total)}")

    def end(self) -> None:
        """Leaves the last line standing."""
        if self._is_drawn:
            self._write("\n")
            self._is_drawn = False

    def _list(self, job: Job) -> None:
        """Once, above the line: the stages of the whole job."""
        names = self._outlook.stages(job).names
        if job.status == "running" and not self._has_listed and len(names) > 1:
            self._has_listed = True
            self._write(f"{_CLEAR}{job.kind:<9}  stages: {', '.join(names)}\n")

    def _draw(self, text: str) -> None:
        """Cut at the terminal's width: a line that wraps cannot be drawn again."""
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR}{text[:width]}")
        self._is_drawn = True

    def _write(self, text: str) -> None:
        self._target.write(text)
        self._target.flush()


def describe(job: Job, outlook: Outlook | None = None) -> tuple[str, str]:
    """A job's stage in a word or two, and the whole line: stage, bar, count, time left of the stage and of the job."""
    found = job.progress
    if found is None or job.status != "running":
        is_waiting = job.status == "queued" and job.queue_position is not None
        stage = f"{job.status} (place {job.queue_position})" if is_waiting else job.status
        return stage, stage
    outlook = outlook or Outlook()
    stages = outlook.stages(job)
    parts = [f"{_place(stages)}{found.stage:<12} {_filled(found.done, found.total)}"]
    if found.eta_seconds is not None:
        parts.append(f"{_clock(found.eta_seconds)} left")
    whole = outlook.seconds_left(job)
    if stages.coming and whole is not None:
        parts[-1] += f", about {_clock(whole)} in all"
    return found.stage, "  ".join(parts)


def _place(stages: Stages) -> str:
    return f"{stages.place + 1}/{len(stages.names)} " if len(stages.names) > 1 else ""


def _filled(done: int, total: int) -> str:
    part = min(WIDTH, round(WIDTH * done / total)) if total else 0
    return f"{'█' * part}{'░' * (WIDTH - part)} {done}/{total}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(min(max(seconds, 0), 359_999)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
