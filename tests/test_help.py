"""`--help` of every command prints its usage and does nothing else."""

import os
import runpy
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.forked import forking, redirect

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


@pytest.fixture(scope="module")
def forked() -> ForkServerContext:
    """Return a context whose processes begin with the heavy libraries, and with nothing of ours."""
    return forking()


def run_help(name: str, folder: Path, outputs: Path) -> None:
    """Run a command with `--help` in a folder; `outputs` gets its standard output and error."""
    for descriptor, stream in ((1, "out"), (2, "err")):
        redirect(descriptor, outputs / stream)
    os.chdir(folder)
    os.environ["HANDSOFF_PORT"] = "wrong"
    sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "client/src")]
    sys.argv = [name, "--help"]
    if name.startswith("client/"):
        runpy.run_path(str(REPOSITORY / name), run_name="__main__")
    else:
        module = name.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", commands())
def test_help_only_prints_the_usage(name: str, forked: ForkServerContext, tmp_path: Path) -> None:
    """Usage is on standard output. Nothing is on standard error, no file is written, no setting is read."""
    folder, outputs = tmp_path / "empty", tmp_path / "outputs"
    folder.mkdir()
    outputs.mkdir()
    process = forked.Process(target=run_help, args=(name, folder, outputs))
    process.start()
    process.join()
    assert (process.exitcode, (outputs / "err").read_text()) == (0, "")
    assert (outputs / "out").read_text().startswith("usage: ")
    assert list(folder.iterdir()) == []


def test_a_command_that_fails_is_noticed(forked: ForkServerContext, tmp_path: Path) -> None:
    """A file that is no command ends with an error, and its message is kept."""
    process = forked.Process(target=run_help, args=("app/no_command.py", tmp_path, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == 1
    assert "No module named app.no_command" in (tmp_path / "err").read_text()
