"""The peak memory that benchmarks report."""

import subprocess
import sys


def peak_after(code: str) -> int:
    """Return the peak memory of a new process that runs `code`, in bytes."""
    script = f"{code}; from benchmarks.speed.memory import own_peak_bytes; print(own_peak_bytes())"
    command = [sys.executable, "-c", script]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_peak_remains_after_its_memory_is_freed() -> None:
    """The peak includes 64 MiB that were written and freed."""
    assert peak_after("bytes(b'x' * (64 << 20))") - peak_after("pass") > 60 << 20
