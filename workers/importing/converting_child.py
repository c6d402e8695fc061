"""The converting child: reads an untrusted checkpoint in a process with limits.

`python -m workers.importing.converting_child FILE FOLDER MEMORY_BYTES CPU_SECONDS OPTIONS FAMILY...`

Limits itself, reads the checkpoint, and writes our networks and `result.json` into the folder. MEMORY_BYTES does not
include the memory of the libraries, which depends on the build of torch. OPTIONS is the JSON of the import options. A
FAMILY is `module:Class`.
"""

import errno
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from contracts.generators.import_options import ImportOptions
from state.settings import MiB
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.families.family import Family, read_checkpoint, resolve
from workers.importing.converting_process import RESULT, UPLOAD_LESS, Converted
from workers.runtime.limited_child import DISK_FULL, is_limit, limit_self
from workers.runtime.weights import write_network


def main() -> int:
    """Run the conversion of the command line."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    memory_bytes, cpu_seconds = int(sys.argv[3]), int(sys.argv[4])
    options = ImportOptions.model_validate_json(sys.argv[5])
    families = [
        resolve(reference) for reference in sys.argv[6:]
    ]  # imports libraries: before the limits
    limit_self(memory_bytes, cpu_seconds, file_bytes=memory_bytes)
    try:
        result = _convert(partial(read_checkpoint, families, path, options), folder, memory_bytes)
        (folder / RESULT).write_bytes(result.model_dump_json().encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return DISK_FULL
        raise
    return 0


def _convert(
    read: Callable[[], tuple[Family, Checkpoint]], folder: Path, memory_bytes: int
) -> Converted:
    try:
        family, checkpoint = read()
        names = []
        for built in family.build(checkpoint):  # building proves that the network can be loaded
            write_network(folder, built.name, built.network, dict(built.config))
            names.append(built.name)
    except CheckpointRefused as refusal:
        return Converted(refusal=str(refusal))
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_limit(error):
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
        networks=tuple(names),
    )


if __name__ == "__main__":
    sys.exit(main())
