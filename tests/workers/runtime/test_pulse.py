"""A process's pulse: beats, drains, and the watchdog that ends a stuck process."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from workers.runtime.pulse import EXIT_STUCK, Drained, Pulse, repeating, show_life

STUCK = """
import threading
from datetime import timedelta
from workers.runtime.pulse import Pulse
with Pulse().watched(timedelta(milliseconds=200)):
    threading.Event().wait()
"""


def test_a_beat_raises_once_the_worker_drains() -> None:
    """The first step after the request to stop ends the job."""
    pulse = Pulse()
    pulse.beat()
    pulse.drain()
    with pytest.raises(Drained):
        pulse.beat()


def test_draining_twice_is_draining_once() -> None:
    """A second SIGTERM changes nothing."""
    pulse = Pulse()
    pulse.drain()
    pulse.drain()
    assert pulse.is_draining


def test_a_beat_ends_the_silence() -> None:
    """Silence is the time since the last finished step."""
    pulse = Pulse()
    while pulse.silence < timedelta(seconds=0.5):
        pass
    pulse.beat()
    assert pulse.silence < timedelta(seconds=0.5)


def test_repeating_acts_until_the_block_ends() -> None:
    """The action runs repeatedly on a separate thread, and never after the block."""
    acted = threading.Semaphore(0)
    with repeating(timedelta(milliseconds=1), acted.release):
        assert all(acted.acquire(timeout=5) for _ in range(3))
    alive = [thread for thread in threading.enumerate() if "loop" in thread.name]
    assert alive == []


def test_an_action_that_fails_is_repeated() -> None:
    """After a failed heartbeat, the next one is still sent."""
    acted = threading.Semaphore(0)

    def fail() -> None:
        acted.release()
        raise ValueError

    with repeating(timedelta(milliseconds=1), fail):
        assert all(acted.acquire(timeout=5) for _ in range(3))


def test_a_stuck_process_is_ended() -> None:
    """Python cannot interrupt native code, so the watchdog exits the process with a special code."""
    stuck = subprocess.run(
        [sys.executable, "-c", STUCK], timeout=60, capture_output=True, check=False
    )
    assert stuck.returncode == EXIT_STUCK


def test_life_shows_in_a_file_if_the_settings_name_one(tmp_path: Path) -> None:
    """A health check reads the file's age. Without a name, no file is written."""
    show_life(None)
    show_life(tmp_path / "alive")
    assert (tmp_path / "alive").exists()
