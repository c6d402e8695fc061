"""The clock of the service's processes, which a fault can move. It needs a C compiler for a library of one page.

libfaketime (0.9.10) cannot be used: with it, `time.sleep` fails in Python 3.11.
"""

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).with_name("moved_clock.c")


@dataclass(frozen=True)
class Clock:
    """A library that moves the time of day, and the file with the shift. Durations (`monotonic`) do not change."""

    library: Path
    file: Path

    @classmethod
    def build(cls, folder: Path) -> Self | None:
        """Compile the library into `folder`. Returns None without a C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            return None
        clock = cls(folder / "moved_clock.so", folder / "clock")
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(clock.library), str(SOURCE)]
        subprocess.run(command, check=True)
        clock.file.write_bytes(struct.pack("=q", 0))
        return clock

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the processes that use this clock."""
        return {"LD_PRELOAD": str(self.library), "CHAOS_CLOCK_FILE": str(self.file)}

    def move(self, seconds: int) -> None:
        """Move the time of day away from the true one. Running processes see it at once."""
        with self.file.open("r+b") as file:  # the processes have this file in memory
            file.write(struct.pack("=q", seconds))
