"""`--help` of every command of the repository explains it, and starts nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ("app", "workers", "examples", "benchmarks", "client/examples")

# Child processes that another process starts with a folder as their argument.
# And what `make` asks before anything is installed: one question, answered by its exit status.
NO_COMMANDS = {
    "app/decoding/child.py",
    "workers/importing/converting_child.py",
    "examples/demo/redis_servers.py",
}


def commands() -> list[str]:
    """Every file that can be run."""
    files = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
    names = [
        path.relative_to(REPOSITORY).as_posix()
        for path in files
        if path.name == "__main__.py" or '__name__ == "__main__"' in path.read_text()
    ]
    return [name for name in names if name not in NO_COMMANDS]


@pytest.mark.slow
@pytest.mark.parametrize("name", commands())
def test_help_is_all_that_it_does(name: str, tmp_path: Path) -> None:
    """Usage on standard output, nothing on standard error, no file, no settings read."""
    module = name.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
    run = [str(REPOSITORY / name)] if name.startswith("client/") else ["-m", module]
    environment = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/client/src", "HANDSOFF_PORT": "wrong"}
    ran = subprocess.run(
        [sys.executable, *run, "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []
