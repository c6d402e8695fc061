"""The converting child: `python -m workers.importing.converting_child FILE FOLDER MEMORY_BYTES CPU_SECONDS`.

Limits itself, reads the checkpoint, and writes our networks and `result.json` into the folder. The limit of memory
counts what comes on top of the libraries, whose own demand depends on the build of torch.
"""

import ctypes
import errno
import math
import os
import resource
import signal
import sys
from pathlib import Path

from models.generators.stylegan2.discriminator import build_discriminator
from models.generators.stylegan2.generator import build_generator
from state.settings import MiB
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.reading import read_checkpoint
from workers.importing.converting_process import DISK_FULL, RESULT, UPLOAD_LESS, Converted
from workers.runtime.weights import write_network

_PR_SET_PDEATHSIG = 1
_NO_MEMORY = "can't allocate memory"  # torch's word for it, inside a plain RuntimeError


def main() -> int:
    """Runs the one conversion of the command line."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    memory_bytes, cpu_seconds = int(sys.argv[3]), int(sys.argv[4])
    _limit_self(memory_bytes, cpu_seconds)
    try:
        result = _convert(path, folder, memory_bytes)
        (folder / RESULT).write_bytes(result.model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        raise
    return 0


def _limit_self(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound this process for good, and end it with the worker that started it, however that one ends.

    Past its computing time the process gets SIGXCPU, which tells the parent which limit it was.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    used = math.ceil(sum(os.times()[:2]))
    for what, soft, hard in (
        (resource.RLIMIT_AS, address_space, address_space),
        (resource.RLIMIT_CPU, used + cpu_seconds, used + cpu_seconds + 5),
        (resource.RLIMIT_FSIZE, memory_bytes, memory_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def _convert(path: Path, folder: Path, memory_bytes: int) -> Converted:
    try:
        checkpoint = read_checkpoint(path)
        _write(checkpoint, folder)
    except CheckpointRefused as refusal:
        return Converted(refusal=str(refusal))
    except (MemoryError, RuntimeError, OSError) as error:
        if not _is_limit(error):
            raise
        return Converted(
            refusal=f"Reading the checkpoint takes more than {memory_bytes // MiB} MiB of memory, which a file of its"
            f" size may take. {UPLOAD_LESS}."
        )
    return Converted(
        format=checkpoint.format,
        missing=checkpoint.missing,
        warnings=checkpoint.warnings,
        has_discriminator=checkpoint.discriminator is not None,
    )


def _is_limit(error: Exception) -> bool:
    """Whether a limit of this process is behind an error."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EFBIG)
    return isinstance(error, MemoryError) or _NO_MEMORY in str(error)


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    """Builds each network on the way: what is written can be loaded."""
    made = checkpoint.generator
    generator = build_generator(made.config, made.tensors)
    write_network(folder, "generator", generator, made.config)
    if checkpoint.discriminator is not None:
        seen = checkpoint.discriminator
        write_network(
            folder, "discriminator", build_discriminator(seen.config, seen.tensors), seen.config
        )


if __name__ == "__main__":
    sys.exit(main())
