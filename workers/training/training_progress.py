"""The output of a running training command: a line every few seconds with images, speed, time left and losses."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

MEASURED_STEPS = 2
"""Steps that give the expected time. The step before them does not count: it includes a warm-up and the R1 penalty."""

LINE_SECONDS = 5.0
"""Seconds between two lines. A thread prints them, because a large step or a snapshot takes minutes on a CPU."""


def print_line(line: str) -> None:
    """Print at once, also into a file or a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class TrainingProgress(AbstractContextManager["TrainingProgress"]):
    """Prints the progress of a training during a `with` block.

    `images_seen` includes earlier runs; speed and time left follow from this run alone.
    """

    def __init__(
        self,
        total_images: int,
        images_seen: int,
        *,
        write: Callable[[str], None] = print_line,
        seconds: float = LINE_SECONDS,
    ) -> None:
        self._total_images = total_images
        self._first = self._images_seen = images_seen
        self._write = write
        self._seconds = seconds
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._all_steps = 0
        self._first_step = (0.0, 0)  # when it ended, and the images seen then
        self._stage = "training"
        self._began = time.monotonic()
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            self.stage("done")
            self._write(self.line())

    @property
    def images_seen(self) -> int:
        """Images of all steps, those of earlier runs included."""
        return self._images_seen

    def step(self, images_seen: int, losses: Mapping[str, float]) -> None:
        """Record a finished step and its losses by name. The third step prints the expected time."""
        with self._lock:
            self._images_seen = images_seen
            self._stage = "training"
            self._steps += 1
            for name, value in losses.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
        self._all_steps += 1
        if self._all_steps == 1:
            self._first_step = (time.monotonic(), images_seen)
        elif self._all_steps == 1 + MEASURED_STEPS and images_seen < self._total_images:
            self._write(self._expectation())

    def _expectation(self) -> str:
        """Return the time that the rest of the training takes at the speed of the measured steps, without snapshots."""
        began, first = self._first_step
        speed = (self._images_seen - first) / max(time.monotonic() - began, 1e-9)
        seconds = (self._total_images - self._images_seen) / speed
        return (
            f"expected time: about {duration(seconds)} of training, at the {speed:.3g} images/s of {MEASURED_STEPS}"
            " measured steps"
        )

    def stage(self, name: str) -> None:
        """Name the work between two steps; it is shown until the next step."""
        with self._lock:
            self._stage = name

    def line(self) -> str:
        """Return the current progress as a line; losses are means over the steps since the last line."""
        with self._lock:
            losses = [f"{name} {total / self._steps:.3g}" for name, total in self._sums.items()]
            parts = [*self._position(), *losses]
            self._sums, self._steps = {}, 0
            return "  ".join(parts)

    def _position(self) -> list[str]:
        seen, total = self._images_seen, self._total_images
        elapsed = time.monotonic() - self._began
        speed = (seen - self._first) / elapsed if elapsed else 0.0
        share = f"{self._stage}: {seen:,} of {total:,} images ({seen / total:.1%})"
        if not speed:
            return [share, f"{duration(elapsed)} since the start"]
        is_done = seen >= total
        clock = duration(elapsed) if is_done else f"{duration((total - seen) / speed)} left"
        return [share, f"{speed:.3g} images/s", clock]

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self._write(self.line())


def duration(seconds: float) -> str:
    """Return seconds as `h:mm:ss`."""
    return str(timedelta(seconds=round(seconds)))
