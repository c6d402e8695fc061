"""Starts the child that converts an untrusted checkpoint, waits for it, and explains its failure.

The child gets a file, a folder, limits and the names of families: no settings, no secrets. It writes our own
safetensors and JSON there. The service's imports and the command line (`python -m workers.checkpoints`) both use it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from contracts.base import Model
from contracts.errors.jobs import InvalidCheckpoint
from contracts.errors.tree import Unavailable
from state.settings import MiB, Settings
from workers.families.family import Family, reference_of

log = structlog.get_logger()

RESULT = "result.json"
SAID = "stderr"
DISK_FULL = 75
"""The child's exit status when there was no room to write (EX_TEMPFAIL): the checkpoint may be sound."""

LOOK_EVERY_SECONDS = 1.0

# Limits for a file of S bytes, below the operator's limits for any file. Measured on a pickle of 14 MB: 40 MiB
# beyond the libraries (250 MiB resident) and 0.5 s beyond their import (3 s). So 20 MB stay under 1.5 GB and 60 s.
MEMORY_FOR_ANY = 768 * MiB
MEMORY_FOR_EACH_BYTE = 16
CPU_SECONDS_FOR_ANY = 30
CPU_SECONDS_FOR_EACH_MIB = 1

UPLOAD_LESS = "Upload the generator alone (G_ema, or `python -m workers.checkpoints convert`)"


@dataclass(frozen=True)
class Limits:
    """The limits of the child. `memory_bytes` count beyond those of the libraries."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float

    @classmethod
    def for_file(cls, settings: Settings, num_bytes: int) -> Self:
        """Return the limits for a file of this size; the operator's limits are the maximum."""
        cpu_seconds = CPU_SECONDS_FOR_ANY + CPU_SECONDS_FOR_EACH_MIB * num_bytes // MiB
        return cls(
            min(settings.import_memory_bytes, MEMORY_FOR_ANY + MEMORY_FOR_EACH_BYTE * num_bytes),
            min(int(settings.import_cpu.total_seconds()), cpu_seconds),
            settings.import_wall.total_seconds(),
        )


class Converted(Model):
    """The child's report: the reason of a refusal, or the family and the facts of the converted checkpoint."""

    refusal: str | None = None
    family: str = ""
    format: str = ""
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    has_discriminator: bool = False


def convert_file(
    path: Path,
    folder: Path,
    limits: Limits,
    families: Sequence[Family],
    on_wait: Callable[[], object] = lambda: None,
) -> Converted:
    """Convert the checkpoint at `path` into `generator` (safetensors + JSON) and perhaps `discriminator` in `folder`.

    The first of `families` that accepts the file reads it. `on_wait` is called about once a second; an exception of its
    ends the child.

    Raises:
        InvalidCheckpoint: it is refused, or reading it exceeds a limit.
        Unavailable: the machine has too little disk or memory; the checkpoint may be sound.
    """
    with (folder / SAID).open("wb") as said:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command(path, folder, limits, families),
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        status = _wait(child, limits, on_wait)
    finally:
        child.kill()
        child.wait()
    return _result(folder, status, limits)


def command(path: Path, folder: Path, limits: Limits, families: Sequence[Family]) -> list[str]:
    """Return the child's command line."""
    numbers = map(str, (limits.memory_bytes, limits.cpu_seconds))
    paths = map(str, (path.absolute(), folder.absolute()))
    references = map(reference_of, families)
    return [
        sys.executable,
        "-m",
        "workers.importing.converting_child",
        *paths,
        *numbers,
        *references,
    ]


def environment(folder: Path) -> Mapping[str, str]:
    """Return an environment without the settings, which hold secrets. One thread: each further one reserves memory."""
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }


def _wait(child: subprocess.Popen[bytes], limits: Limits, on_wait: Callable[[], object]) -> int:
    deadline = time.monotonic() + limits.wall_seconds
    while time.monotonic() < deadline:
        on_wait()
        try:
            return child.wait(min(LOOK_EVERY_SECONDS, max(0.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            continue
    raise InvalidCheckpoint(
        f"The checkpoint could not be read within {limits.wall_seconds:.0f} s in all. {UPLOAD_LESS}, or ask the"
        " operator for more time (HANDSOFF_IMPORT_WALL)."
    )


def _result(folder: Path, status: int, limits: Limits) -> Converted:
    """Return the child's report. Only exceeded limits are reported as limits."""
    if status == DISK_FULL:
        raise Unavailable("The worker has no room to convert a checkpoint.")
    if status == -signal.SIGXCPU:
        raise InvalidCheckpoint(
            f"The checkpoint could not be read within {limits.cpu_seconds} s of computing, which a file of its size"
            f" may take. {UPLOAD_LESS}."
        )
    if status != 0:
        said = (folder / SAID).read_bytes()[-2_000:]
        log.error("converting child died", status=status, said=said)
    if status == -signal.SIGKILL:
        raise Unavailable("The process that converts a checkpoint was killed: is memory short?")
    if status != 0:
        raise InvalidCheckpoint(
            f"The checkpoint could not be read: the reader failed on it with status {status}, which is an error of"
            f" the reader and not a limit. {UPLOAD_LESS}, or report it with the worker's log."
        )
    converted = Converted.model_validate_json((folder / RESULT).read_bytes())
    if converted.refusal is not None:
        raise InvalidCheckpoint(converted.refusal)
    return converted
