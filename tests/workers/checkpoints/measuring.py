"""`python -m tests.workers.checkpoints.measuring`: convert files as the service does, and measure each conversion.

Read one file name per line. Convert each file in a fork of this process, which has loaded the libraries: the kernel's
counts for a fork cover one conversion and the libraries. Write one line of JSON per file.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from state.settings import MiB, Settings
from workers.families.table import FAMILIES
from workers.importing import converting_child
from workers.importing.converting_process import RESULT, command, limits_for


def main() -> None:
    """Measure the files named on stdin, one after another."""
    for name in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(measure(Path(name.strip()), Path(folder))) + "\n")
            sys.stdout.flush()


def measure(path: Path, folder: Path) -> dict[str, object]:
    """Convert one file in a fork. Return its exit status, memory (MiB), CPU time (seconds) and refusal."""
    limits = limits_for(Settings(), path.stat().st_size)
    child = os.fork()
    if not child:
        sys.argv = command(path, folder, limits, FAMILIES)
        os._exit(converting_child.main())
    _, status, usage = os.wait4(child, 0)
    result = folder / RESULT
    return {
        "file": path.name,
        "status": os.waitstatus_to_exitcode(status),
        "resident_mib": usage.ru_maxrss * 1024 // MiB,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "refusal": json.loads(result.read_bytes())["refusal"] if result.exists() else None,
    }


if __name__ == "__main__":
    main()
