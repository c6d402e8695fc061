"""The converting child: reads an untrusted checkpoint in a process with limits.

`python -m workers.importing.converting_child FILE FOLDER MEMORY_BYTES CPU_SECONDS OPTIONS FAMILY...`

Limits itself, reads the checkpoint, and writes our networks and `result.json` into the folder. MEMORY_BYTES does not
include the memory of the libraries, which depends on the build of torch. OPTIONS is the JSON of the import options. A
FAMILY is `module:Class`.
"""

import ctypes
import errno
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from contracts.generators.import_options import ImportOptions
from state.settings import MiB
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.families.family import Family, read_checkpoint, resolve
from workers.importing.converting_process import DISK_FULL, RESULT, UPLOAD_LESS, Converted
from workers.runtime.weights import write_network

_PR_SET_PDEATHSIG = 1
_NO_MEMORY = "can't allocate memory"  # torch's message, inside a plain RuntimeError


def main() -> int:
    """Run the conversion of the command line."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    memory_bytes, cpu_seconds = int(sys.argv[3]), int(sys.argv[4])
    options = ImportOptions.model_validate_json(sys.argv[5])
    families = [
        resolve(reference) for reference in sys.argv[6:]
    ]  # imports libraries: before the limits
    _limit_self(memory_bytes, cpu_seconds)
    try:
        result = _convert(partial(read_checkpoint, families, path, options), folder, memory_bytes)
        (folder / RESULT).write_bytes(result.model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        raise
    return 0


def _limit_self(memory_bytes: int, cpu_seconds: int) -> None:
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
        (resource.RLIMIT_FSIZE, memory_bytes, memory_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(resource_id, (soft, hard))


def _convert(
    read: Callable[[], tuple[Family, Checkpoint]], folder: Path, memory_bytes: int
) -> Converted:
    try:
        family, checkpoint = read()
        for built in family.build(checkpoint):  # building proves that the network can be loaded
            write_network(folder, built.name, built.network, dict(built.config))
    except CheckpointRefused as refusal:
        return Converted(refusal=str(refusal))
    except (MemoryError, RuntimeError, OSError) as error:
        if not _is_limit(error):
            raise
        return Converted(
            refusal=f"Reading the checkpoint takes more than {memory_bytes // MiB} MiB of memory, the limit for a file"
            f" of its size. {UPLOAD_LESS}."
        )
    return Converted(
        family=family.contract.name,
        format=checkpoint.format,
        missing=checkpoint.missing,
        warnings=checkpoint.warnings,
        has_discriminator=checkpoint.discriminator is not None,
        has_inverter=checkpoint.inverter is not None,
    )


def _is_limit(error: Exception) -> bool:
    """Return whether an error was caused by a limit of this process."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EFBIG)
    return isinstance(error, MemoryError) or _NO_MEMORY in str(error)


if __name__ == "__main__":
    sys.exit(main())
