"""What a training command prints while it runs: a line every few seconds with images, speed, time left and losses."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

LINE_SECONDS = 5.0
"""At most this long without a line. A thread writes them: a large step or a snapshot takes minutes on a CPU."""


def print_line(line: str) -> None:
    """Print at once, also into a file or a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class TrainingProgress(AbstractContextManager["TrainingProgress"]):
    """Prints how far a training is, from entering the block to its end.

    Speed and time left are those of this run: `images_seen` counts what earlier runs did.
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

    def step(self, images_seen: int, losses: Mapping[str, float]) -> None:
        """Note a step that is done, and its losses by name."""
        with self._lock:
            self._images_seen = images_seen
            self._stage = "training"
            self._steps += 1
            for name, value in losses.items():
                self._sums[name] = self._sums.get(name, 0.0) + value

    def stage(self, name: str) -> None:
        """Name the work between two steps; it is shown until the next step."""
        with self._lock:
            self._stage = name

    def line(self) -> str:
        """Return how far the training is; losses are means of the steps since the last line."""
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
