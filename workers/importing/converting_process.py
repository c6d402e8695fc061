"""Starts the child that converts an untrusted checkpoint, waits for it, and explains its failure.

The child gets a file, a folder, limits and the names of families, but no settings and no secrets. It writes safetensors
and JSON into the folder. The service's imports and the command line (`python -m workers.checkpoints`) use it.
"""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from contracts.base import Model
from contracts.errors.jobs import InvalidCheckpoint
from contracts.errors.tree import Unavailable
from contracts.generators.import_options import NO_OPTIONS, ImportOptions
from state.settings import MiB, Settings
from workers.families.family import Family, reference_of
from workers.runtime.limited_child import DISK_FULL, OUTPUT, Limits, TooSlow, run_limited

log = structlog.get_logger()

RESULT = "result.json"

# Limits by the size of the file; the operator's limits are the maximum. Measured on a pickle of 14 MB: 40 MiB
# beyond the libraries (250 MiB resident) and 0.5 s beyond their import (3 s). So 20 MB stay under 1.5 GB and 60 s.
BASE_MEMORY_BYTES = 768 * MiB
MEMORY_BYTES_PER_BYTE = 16
BASE_CPU_SECONDS = 30
CPU_SECONDS_PER_MIB = 1

UPLOAD_LESS = "Upload the generator alone (G_ema, or `python -m workers.checkpoints convert`)"


def limits_for(settings: Settings, num_bytes: int) -> Limits:
    """Return the limits for a file of this size; the operator's limits are the maximum."""
    cpu_seconds = BASE_CPU_SECONDS + CPU_SECONDS_PER_MIB * num_bytes // MiB
    memory_bytes = BASE_MEMORY_BYTES + MEMORY_BYTES_PER_BYTE * num_bytes
    return Limits(
        min(settings.import_memory_bytes, memory_bytes),
        min(int(settings.import_cpu.total_seconds()), cpu_seconds),
        settings.import_wall.total_seconds(),
    )


class Converted(Model):
    """The child's report: the reason of a refusal, or the family, facts and networks of the converted checkpoint."""

    refusal: str | None = None
    family: str = ""
    format: str = ""
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


def convert_file(
    path: Path,
    folder: Path,
    limits: Limits,
    families: Sequence[Family],
    on_wait: Callable[[], object] = lambda: None,
    *,
    options: ImportOptions = NO_OPTIONS,
) -> Converted:
    """Convert the checkpoint at `path` into `generator` (safetensors + JSON), and its `discriminator` and `inverter`.

    The results are in `folder`. The first of `families` that accepts the file reads it. `on_wait` is called about once
    a second; if it raises, the child is ended.

    Raises:
        InvalidCheckpoint: the checkpoint is refused, or reading it exceeds a limit.
        Unavailable: the machine has too little disk or memory; the checkpoint may be valid.
    """
    try:
        status = run_limited(
            command(path, folder, limits, families, options), folder, limits, on_wait
        )
    except TooSlow:
        raise InvalidCheckpoint(
            f"Reading the checkpoint takes longer than the limit of {limits.wall_seconds:.0f} s. {UPLOAD_LESS}, or ask"
            " the operator for more time (HANDSOFF_IMPORT_WALL)."
        ) from None
    return _result(folder, status, limits)


def command(
    path: Path,
    folder: Path,
    limits: Limits,
    families: Sequence[Family],
    options: ImportOptions = NO_OPTIONS,
) -> list[str]:
    """Return the child's module and arguments."""
    return [
        "workers.importing.converting_child",
        *map(str, (path.absolute(), folder.absolute(), limits.memory_bytes, limits.cpu_seconds)),
        options.model_dump_json(exclude_none=True),
        *map(reference_of, families),
    ]


def _result(folder: Path, status: int, limits: Limits) -> Converted:
    """Return the child's report, or raise the error for its exit status."""
    if status == DISK_FULL:
        raise Unavailable("The worker's disk is too full to convert a checkpoint.")
    if status == -signal.SIGXCPU:
        raise InvalidCheckpoint(
            f"Reading the checkpoint takes more than {limits.cpu_seconds} s of CPU time, the limit for a file of its"
            f" size. {UPLOAD_LESS}."
        )
    if status != 0:
        output = (folder / OUTPUT).read_bytes()[-2_000:]
        log.error("converting child failed", status=status, output=output)
    if status == -signal.SIGKILL:
        raise Unavailable(
            "The process that converts a checkpoint was killed; check the worker's free memory."
        )
    if status != 0:
        raise InvalidCheckpoint(
            f"The checkpoint could not be read: the reader failed with status {status}. This is an error of the reader,"
            f" not a limit. {UPLOAD_LESS}, or report it with the worker's log."
        )
    converted = Converted.model_validate_json((folder / RESULT).read_bytes())
    if converted.refusal is not None:
        raise InvalidCheckpoint(converted.refusal)
    return converted
