"""A job's progress on a terminal: one line that is redrawn, or, where nobody watches, one line for each stage."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from handsoff_client.jobs import Watch
from handsoff_client.resources import Job

WIDTH = 28
_CLEAR = "\r\x1b[K"


@contextmanager
def bar(target: TextIO | None = None) -> Iterator[Watch]:
    """Yields a `watch` for `wait`, which draws on standard error unless another target is given."""
    line = Line(target or sys.stderr)
    try:
        yield line.show
    finally:
        line.end()


class Line:
    """The line, and what it showed last."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._is_terminal = target.isatty()
        self._stage = ""
        self._is_drawn = False
        self._begun = time.monotonic()

    def show(self, job: Job) -> None:
        """Draws a job as it stands."""
        stage, text = describe(job)
        if self._is_terminal:
            elapsed = _clock(time.monotonic() - self._begun)
            self._write(f"{_CLEAR}{job.kind:<9}  {text}  {elapsed}")
            self._is_drawn = True
        elif stage != self._stage:
            self._write(f"{job.id}: {stage}\n")
        self._stage = stage

    def count(self, title: str, done: int, total: int) -> None:
        """Draws a count of something that is no job."""
        if self._is_terminal:
            self._write(f"{_CLEAR}{title:<9}  {_filled(done, total)}")
            self._is_drawn = True

    def end(self) -> None:
        """Leaves the last line standing."""
        if self._is_drawn:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._target.write(text)
        self._target.flush()


def describe(job: Job) -> tuple[str, str]:
    """A job's stage in a word or two, and the whole line: stage, bar, count, time to go."""
    if job.progress is None or job.status != "running":
        is_waiting = job.status == "queued" and job.queue_position is not None
        stage = f"{job.status} (place {job.queue_position})" if is_waiting else job.status
        return stage, stage
    found = job.progress
    eta = f"  {_clock(found.eta_seconds)} to go" if found.eta_seconds is not None else ""
    return found.stage, f"{found.stage:<12} {_filled(found.done, found.total)}{eta}"


def _filled(done: int, total: int) -> str:
    part = round(WIDTH * done / total) if total else 0
    return f"{'█' * part}{'░' * (WIDTH - part)} {done}/{total}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
