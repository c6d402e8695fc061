"""The console command starts each process and loads only what the process needs."""

import subprocess
import sys
from typing import get_args

import pytest

from contracts.kinds import QueueName
from handsoff_service.commands import COMMANDS, main

LOADED = """
import sys
from handsoff_service.commands import main
try:
    main({words})
except SystemExit:
    pass
print(sorted({{"torch", "fastapi"}} & set(sys.modules)))
"""


def loaded_by(*words: str) -> str:
    """Run a command in a new interpreter. Returns which of torch and fastapi it imported."""
    code = LOADED.format(words=list(words))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[-1]


def test_the_app_loads_no_torch() -> None:
    """`handsoff-service app` imports the web framework only."""
    assert loaded_by("app", "--help") == "['fastapi']"


def test_help_loads_neither() -> None:
    """The list of commands needs no room."""
    assert loaded_by("--help") == "[]"


@pytest.mark.slow
def test_a_worker_loads_torch() -> None:
    """The tests above can fail: a worker imports torch, and no web framework."""
    assert loaded_by("worker", "--help") == "['torch']"


@pytest.mark.parametrize("words", [[], ["serve"]])
def test_an_unknown_command_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message lists the commands, and the status is 2."""
    assert main(words) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in COMMANDS)
    assert "expected a command of app, worker, reconcile, checkpoints" in message


def test_arguments_are_passed_on() -> None:
    """The module gets its own arguments, and its exit status becomes the command's."""
    code = "import sys; from handsoff_service.commands import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "app", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("handsoff ")


def test_the_description_names_every_queue() -> None:
    """An operator learns from it which workers to start."""
    assert all(queue in COMMANDS["worker"].description for queue in get_args(QueueName))
