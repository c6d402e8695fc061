"""A limited child runs as long as its limits allow, and nothing deletes its folder meanwhile."""

import os
import time
from pathlib import Path

import pytest

from workers.children.limited_child import Limits, run_limited

NAP = ("timeit", "-n1", "-r1", "import time; time.sleep(0.5)")


def test_the_folder_of_a_running_child_stays_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep deletes folders that were not changed for hours; a child may write into one file for longer."""
    monkeypatch.setattr("workers.children.limited_child.POLL_SECONDS", 0.05)
    waits: list[float] = []

    def make_old_once() -> None:
        if not waits:
            os.utime(tmp_path, (0, 0))
        waits.append(time.monotonic())

    assert run_limited(NAP, tmp_path, Limits(1 << 30, 60, 60.0), make_old_once) == 0
    assert len(waits) > 1
    assert tmp_path.stat().st_mtime > 0
