"""`--help` of every command prints its usage and does nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ("app", "workers", "examples", "benchmarks", "client/examples")

# Child processes, and the check that `make` runs before anything is installed.
NO_COMMANDS = {
    "app/decoding/child.py",
    "workers/importing/converting_child.py",
    "workers/labeling/reading_child.py",
    "workers/training/images/preparing_child.py",
    "examples/demo/redis_servers.py",
}


def commands() -> list[str]:
    """Return every file that can be run."""
    files = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
    names = [
        path.relative_to(REPOSITORY).as_posix()
        for path in files
        if path.name == "__main__.py" or '__name__ == "__main__"' in path.read_text()
    ]
    return [name for name in names if name not in NO_COMMANDS]


@pytest.mark.slow
@pytest.mark.parametrize("name", commands())
def test_help_only_prints_the_usage(name: str, tmp_path: Path) -> None:
    """Usage is on standard output. Nothing is on standard error, no file is written, no setting is read."""
    module = name.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
    run = [str(REPOSITORY / name)] if name.startswith("client/") else ["-m", module]
    environment = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/client/src", "HANDSOFF_PORT": "wrong"}
    result = subprocess.run(
        [sys.executable, *run, "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []
