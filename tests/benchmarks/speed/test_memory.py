"""What benchmarks say of memory."""

import subprocess
import sys


def peak_after(code: str) -> int:
    """The peak of a fresh process that has run some code."""
    script = f"{code}; from benchmarks.speed.memory import own_peak_bytes; print(own_peak_bytes())"
    command = [sys.executable, "-c", script]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_peak_stays_when_its_memory_is_given_back() -> None:
    """64 MiB, written to and freed at once: the process remembers them."""
    assert peak_after("bytes(b'x' * (64 << 20))") - peak_after("pass") > 60 << 20
