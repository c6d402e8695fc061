"""The converting child: `python -m workers.converting_child FOLDER MEMORY_BYTES CPU_SECONDS`.

Limits itself, reads the checkpoint in the folder, and writes our networks and `result.json` beside it. The limit of
memory counts what comes on top of the libraries, whose own demand depends on the build of torch.
"""

import ctypes
import errno
import os
import resource
import signal
import sys
from pathlib import Path

from models.stylegan2.discriminator import build_discriminator
from models.stylegan2.generator import build_generator
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.reading import read_checkpoint
from workers.converting import CHECKPOINT, DISK_FULL, RESULT, Converted
from workers.weights import write_network

_PR_SET_PDEATHSIG = 1
_NO_MEMORY = "can't allocate memory"  # torch's word for it, inside a plain RuntimeError


def main() -> int:
    """Runs the one conversion of the command line."""
    folder = Path(sys.argv[1])
    _limit_self(int(sys.argv[2]), int(sys.argv[3]))
    try:
        result = _convert(folder)
        (folder / RESULT).write_bytes(result.model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        raise
    return 0


def _limit_self(memory_bytes: int, cpu_seconds: int) -> None:
    """Bounds this process for good, and ends it with the worker that started it, however that one ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    used = int(sum(os.times()[:2]))
    for what, most in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, used + cpu_seconds),
        (resource.RLIMIT_FSIZE, memory_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _convert(folder: Path) -> Converted:
    try:
        checkpoint = read_checkpoint(folder / CHECKPOINT)
        _write(checkpoint, folder)
    except CheckpointRefused as refusal:
        return Converted(refusal=str(refusal))
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and _NO_MEMORY not in str(error):
            raise
        return Converted(
            refusal="The checkpoint needs more memory than an import may take. Upload the generator alone."
        )
    return Converted(
        format=checkpoint.format,
        missing=checkpoint.missing,
        warnings=checkpoint.warnings,
        has_discriminator=checkpoint.discriminator is not None,
    )


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
