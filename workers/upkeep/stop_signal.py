"""SIGTERM and SIGINT as a fact that a loop asks for, so that they interrupt no step.

A signal goes to any thread that does not block it: the metrics server and the store's library have threads before the
loop begins. So blocking the signals in the main thread is not enough; Python's handlers run there in any case.
"""

import signal
import time
from types import FrameType


class StopSignal:
    """Whether SIGTERM or SIGINT has arrived since it was made. Must be made in the main thread."""

    def __init__(self) -> None:
        self._has_arrived = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def arrives_within(self, seconds: float) -> bool:
        """Return whether a signal has arrived, at once if so, otherwise after some seconds."""
        if not self._has_arrived:
            time.sleep(seconds)  # a signal does not end the sleep
        return self._has_arrived

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._has_arrived = True
