"""Converts a checkpoint that nobody trusts, in a child process under limits; believes only what it can check.

The child gets a folder and nothing else: no settings, no secrets. It leaves our own safetensors and JSON there.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from contracts.errors import Unavailable
from contracts.job_errors import InvalidCheckpoint
from contracts.settings import MiB, Settings
from contracts.shapes import Shape
from workers.jobs import LOOK_EVERY_SECONDS, Run

log = structlog.get_logger()

CHECKPOINT = "checkpoint"
RESULT = "result.json"
SAID = "stderr"
DISK_FULL = 75
"""The child's exit status when there was no room to write (EX_TEMPFAIL): the checkpoint may be sound."""


class Converted(Shape):
    """What the child says: why it refused, or what it made of the checkpoint."""

    refusal: str | None = None
    format: str = ""
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    has_discriminator: bool = False


def convert(run: Run, folder: Path) -> Converted:
    """Makes `generator` (safetensors + JSON) and perhaps `discriminator` of the checkpoint in `folder`.

    Raises `InvalidCheckpoint` when it is refused or goes beyond a limit. Ends the child when the job is cancelled.
    """
    settings = run.machine.settings
    with (folder / SAID).open("wb") as said:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            _command(folder, settings),
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        status = _wait(run, child, settings)
    finally:
        child.kill()
        child.wait()
    return _result(folder, status, settings)


def _command(folder: Path, settings: Settings) -> list[str]:
    limits = [settings.import_memory_bytes, int(settings.import_cpu.total_seconds())]
    return [sys.executable, "-m", "workers.converting_child", str(folder), *map(str, limits)]


def _environment(folder: Path) -> Mapping[str, str]:
    """Without the settings, which hold secrets. One thread: every further one reserves memory."""
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }


def _wait(run: Run, child: subprocess.Popen[bytes], settings: Settings) -> int:
    deadline = time.monotonic() + settings.import_wall.total_seconds()
    while time.monotonic() < deadline:
        run.tell("reading", 0, 1)
        try:
            return child.wait(LOOK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    raise InvalidCheckpoint(_beyond(settings))


def _result(folder: Path, status: int, settings: Settings) -> Converted:
    if status == DISK_FULL:
        raise Unavailable("The worker has no room to convert a checkpoint.")
    if status != 0:
        said = (folder / SAID).read_bytes()[-2_000:]
        log.warning("converting child died", status=status, said=said)
        raise InvalidCheckpoint(_beyond(settings))
    converted = Converted.model_validate_json((folder / RESULT).read_bytes())
    if converted.refusal is not None:
        raise InvalidCheckpoint(converted.refusal)
    return converted


def _beyond(settings: Settings) -> str:
    return (
        f"The checkpoint could not be read within {settings.import_memory_bytes // MiB} MiB of memory,"
        f" {settings.import_cpu.total_seconds():.0f} s of computing and {settings.import_wall.total_seconds():.0f} s"
        " in all. Upload the generator alone (G_ema, or `python -m workers.checkpoints convert`), or ask the operator"
        " for more."
    )
