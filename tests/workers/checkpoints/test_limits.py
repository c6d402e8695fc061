"""A machine survives any file: the kernel measures the memory and CPU time of the child process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors.jobs import InvalidCheckpoint
from state.settings import MiB, Settings
from tests.workers.checkpoints.bombs import MB, bombs
from workers.families.table import FAMILIES
from workers.importing.converting_process import convert_file, limits_for
from workers.runtime.limited_child import Limits, environment

MAX_RESIDENT_MIB = 1_500 * MB / MiB
MAX_CPU_SECONDS = 60

BOMBS = bombs()

READABLE = {
    "a generator of one storage",
    "a mapping network of one storage",
    "noise maps of one storage",
    "our zip with as much as it may have",
}
"""Unusual files, but valid StyleGAN2 generators."""


@pytest.fixture(scope="module")
def measuring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """Start a process that loads the libraries and converts each file in a fork."""
    folder = tmp_path_factory.mktemp("measuring")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.workers.checkpoints.measuring"],
        env={**environment(folder), "PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.terminate()


def measure(process: subprocess.Popen[str], path: Path) -> dict[str, Any]:
    """Return the cost and the result of converting one file."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    measured: dict[str, Any] = json.loads(process.stdout.readline())
    return measured


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_small_file_stays_within_its_limits(
    name: str, measuring: subprocess.Popen[str], tmp_path: Path
) -> None:
    """A file under 20 MB takes at most 1.5 GB resident and 60 s of CPU. The reader refuses it, not a limit."""
    bomb = tmp_path / "bomb"
    bomb.write_bytes(BOMBS[name]())
    assert bomb.stat().st_size < 20 * MB
    measured = measure(measuring, bomb)
    assert measured["status"] == 0
    assert measured["resident_mib"] < MAX_RESIDENT_MIB
    assert measured["cpu_seconds"] < MAX_CPU_SECONDS
    if name in READABLE:
        assert measured["refusal"] is None
    else:
        assert measured["refusal"].startswith("This checkpoint was refused: ")
        assert len(measured["refusal"]) <= 300


def test_the_limits_of_a_small_file_hold_for_any_content() -> None:
    """If the reader misses a bomb, 250 MiB of libraries and the limits of 20 MB are under 1.5 GB and 60 s."""
    limits = limits_for(Settings(), 20 * MB)
    assert 250 + limits.memory_bytes // MiB < MAX_RESIDENT_MIB
    assert 5 + limits.cpu_seconds < MAX_CPU_SECONDS


def test_the_operators_limits_are_the_maximum() -> None:
    """They hold for a file of any size."""
    settings = Settings(import_memory_bytes=100 * MiB, import_cpu=timedelta(seconds=7))
    limits = limits_for(settings, 10**12)
    assert (limits.memory_bytes, limits.cpu_seconds) == (100 * MiB, 7)


def test_a_cpu_limit_is_named(tmp_path: Path) -> None:
    """The message has the limit and a remedy. The file takes seconds, because the child rounds its limit up."""
    slow = tmp_path / "slow"
    slow.write_bytes(BOMBS["a mapping network of one storage"]())
    limits = Limits(memory_bytes=1_000 * MiB, cpu_seconds=0, wall_seconds=60)
    with pytest.raises(InvalidCheckpoint, match=r"more than 0 s of CPU time.*Upload the generator"):
        convert_file(slow, tmp_path, limits, FAMILIES)


def test_an_error_of_the_reader_is_not_called_a_limit(tmp_path: Path) -> None:
    """A missing file is an error of the reader that no limit explains."""
    limits = Limits(memory_bytes=1_000 * MiB, cpu_seconds=30, wall_seconds=60)
    with pytest.raises(InvalidCheckpoint, match="an error of the reader, not a limit"):
        convert_file(tmp_path / "nothing", tmp_path, limits, FAMILIES)
