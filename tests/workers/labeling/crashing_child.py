"""A child that dies at every image whose name begins with `crash`, in the middle of writing pixels."""

import os
import sys
from pathlib import Path

from workers.labeling import reading_child
from workers.labeling.originals import Placed
from workers.labeling.reading_tasks import PIXELS, ReadTask

_read_one = reading_child.read_one


def read_one(path: Path, task: ReadTask) -> Placed | str:
    """Read an image, or write a part of one and end the process."""
    if path.name.startswith("crash"):
        with Path(task.folder, PIXELS).open("ab") as pixels:
            pixels.write(b"a part")
        os._exit(9)
    return _read_one(path, task)


if __name__ == "__main__":
    reading_child.read_one = read_one
    sys.exit(reading_child.main())
