"""Commands as processes that are forked from one with the heavy libraries: each import of torch takes seconds.

A forked process begins with nothing of ours, so it runs a command from its start.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import TimeoutExpired

from examples.demo.stack import REPOSITORY, Stack

HEAVY = ["torch", "fastapi", "pydantic", "rq", "obstore", "PIL.Image", "structlog"]


def forking() -> ForkServerContext:
    """Return a context whose processes begin with the heavy libraries."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


def redirect(descriptor: int, path: Path, *flags: int) -> None:
    """Write what goes to a descriptor of this process to a file."""
    os.dup2(os.open(path, sum(flags, os.O_WRONLY | os.O_CREAT), 0o600), descriptor)


class ForkedStack(Stack):
    """The service on one machine, whose app and workers are forked."""

    def start_process(self, name: str, command: Sequence[str]) -> None:
        """Fork a process for `python -m MODULE`. Start others as the stack does."""
        if list(command[:2]) != [sys.executable, "-m"]:
            super().start_process(name, command)
            return
        self.commands[name] = command
        log = self.folder / f"{name}.log"
        log.touch()
        process = forking().Process(target=_run, args=(command[2:], self.environment, log))
        process.start()
        self.processes[name] = ForkedProcess(process)


class ForkedProcess:
    """A process with the methods of `subprocess.Popen` that the stack and its tests use."""

    def __init__(self, process: BaseProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit status. Raises `TimeoutExpired`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired(str(self.pid), timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Become `python -m` with these words, as a process that `Stack` starts."""
    os.setsid()
    os.umask(0o077)
    os.chdir(REPOSITORY)
    for descriptor in (1, 2):
        redirect(descriptor, log, os.O_APPEND)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [str(REPOSITORY)]
    module, *arguments = words
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
