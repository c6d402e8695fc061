"""The pulse of a process: the time of its last step, whether it must drain, and the watchdog that ends it.

Every loop of every job calls `beat` once per step. Python cannot interrupt native code. When a kernel or a file system
hangs, the watchdog thread exits the process, and the supervisor starts a new one.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog

log = structlog.get_logger()

EXIT_STUCK = 70
"""The exit code of a worker that its watchdog ended (EX_SOFTWARE)."""


class Drained(Exception):
    """The worker was asked to stop: the job ends at this step and returns to the front of its queue."""


class Pulse:
    """The last step's time and the request to drain, shared by the job, the signal handler and the watchdog."""

    def __init__(self) -> None:
        # A plain bool: `drain` runs in a signal handler, where a lock could wait for itself.
        self.is_draining = False
        self._last_beat = time.monotonic()

    def beat(self) -> None:
        """Mark a finished step. Raises `Drained` once the worker was asked to stop."""
        self._last_beat = time.monotonic()
        if self.is_draining:
            raise Drained

    def drain(self) -> None:
        """Ask the running job to stop at its next step. Asking again changes nothing."""
        self.is_draining = True

    @property
    def silence(self) -> timedelta:
        """The time since the last step."""
        return timedelta(seconds=time.monotonic() - self._last_beat)

    @contextmanager
    def watched(self, patience: timedelta) -> Iterator[None]:
        """End the process when no step finishes for `patience` inside the block."""
        self._last_beat = time.monotonic()
        with repeating(patience / 10, lambda: self._exit_if_stuck(patience)):
            yield

    def _exit_if_stuck(self, patience: timedelta) -> None:
        if self.silence > patience:
            log.critical("no step finished in time", silent_seconds=self.silence.total_seconds())
            os._exit(EXIT_STUCK)


def show_life(alive_path: Path | None) -> None:
    """Touch the file `alive_path`; a container's health check reads its age."""
    if alive_path is not None:
        alive_path.touch()


@contextmanager
def repeating(interval: timedelta, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` every `interval` on a separate thread until the block ends.

    A failing action is logged and called again: without heartbeats, the worker would lose its job.
    """
    stopped = threading.Event()

    def loop() -> None:
        while not stopped.wait(interval.total_seconds()):
            try:
                action()
            except Exception:
                log.exception("a repeated action failed")

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
