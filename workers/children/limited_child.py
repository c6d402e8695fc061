"""Runs a module of ours in a child process with limits on memory, CPU time and file size, for untrusted files.

The child gets no settings and no secrets. It calls `limit_self` after its imports, because their memory does not count.
"""

import ctypes
import errno
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OUTPUT = "stderr"
"""The file with the child's output, in its folder."""

DISK_FULL = 75
"""The child's exit status when the disk is full (EX_TEMPFAIL): the input may be valid."""

POLL_SECONDS = 1.0

_PR_SET_PDEATHSIG = 1
_NO_MEMORY = "can't allocate memory"  # torch's message, inside a plain RuntimeError


class TooSlow(Exception):
    """The child did not end within its wall-clock limit."""


@dataclass(frozen=True)
class Limits:
    """The limits of a child. `memory_bytes` does not include the memory of the libraries."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float


def run_limited(
    arguments: Sequence[str], folder: Path, limits: Limits, on_wait: Callable[[], object]
) -> int:
    """Run `python -m` with the arguments and return the exit status; a negative one is a signal.

    `folder` is the child's folder for temporary files and its output; its time stays new, so that no sweep of abandoned
    folders (`state/process/spooling.py`) deletes it. `on_wait` is called about once a second; if it
    raises, the child is ended. Raises `TooSlow`.
    """

    def keep_folder() -> None:
        os.utime(folder)
        on_wait()

    with (folder / OUTPUT).open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our module, no shell
            [sys.executable, "-m", *arguments],
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        return _wait(child, limits.wall_seconds, keep_folder)
    finally:
        child.kill()
        child.wait()


def environment(folder: Path) -> Mapping[str, str]:
    """Return an environment without the settings, which contain secrets. One thread, because each reserves memory."""
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }


def _wait(
    child: subprocess.Popen[bytes], wall_seconds: float, on_wait: Callable[[], object]
) -> int:
    deadline = time.monotonic() + wall_seconds
    while time.monotonic() < deadline:
        on_wait()
        try:
            return child.wait(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            continue
    raise TooSlow


def limit_self(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Set the limits of this process, and end it together with the worker that started it.

    After `cpu_seconds` the process gets SIGXCPU, by which the parent recognizes the limit.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    used = math.ceil(sum(os.times()[:2]))
    for resource_id, soft, hard in (
        (resource.RLIMIT_AS, address_space, address_space),
        (resource.RLIMIT_CPU, used + cpu_seconds, used + cpu_seconds + 5),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(resource_id, (soft, hard))


def is_limit(error: Exception) -> bool:
    """Return whether an error was caused by a limit of this process."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EFBIG)
    return isinstance(error, MemoryError) or _NO_MEMORY in str(error)


def is_disk_full(error: Exception) -> bool:
    """Return whether an error was caused by a disk without space or a quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
