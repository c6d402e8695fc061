"""The service on one machine: Redis, the app and the workers as child processes, each with a log file.

`make demo`, `make serve` and the end-to-end tests use it. All processes listen on loopback only.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import httpx2

from examples.demo.redis_access import LOOPBACK, RedisAccess

REPOSITORY = Path(__file__).resolve().parents[2]
WORKERS = ("fit", "generate", "cpu", "reconcile")
TRAINING_WORKERS = (*WORKERS, "train")
"""Those of a service that also trains generators and inverters."""
EVALUATING_WORKERS = (*WORKERS, "evaluate")
"""Those of a service that also compares generated pairs with real ones."""
ALL_WORKERS = (*TRAINING_WORKERS, "evaluate")

START_SECONDS = 120
STOP_SECONDS = 60


class Child(Protocol):
    """A child process, such as a `subprocess.Popen`."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


class Stack:
    """Starts processes, and stops them in reverse order when the block ends."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        redis: RedisAccess | None = None,
    ) -> None:
        self.folder = folder
        self.redis = redis or RedisAccess(free_port())
        self.port = port or free_port()
        self.address = f"http://{LOOPBACK}:{self.port}"
        self.processes: dict[str, Child] = {}
        self.commands: dict[str, Sequence[str]] = {}
        self.environment = {
            **os.environ,
            "HANDSOFF_REDIS_URL": self.redis.url,
            "HANDSOFF_STORE_URL": (folder / "store").resolve().as_uri(),
            "HANDSOFF_HOST": LOOPBACK,
            "HANDSOFF_PORT": str(self.port),
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        (self.folder / "store").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # Redis's files and the logs are private to this user
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, workers: Sequence[str] = WORKERS) -> None:
        """Start everything and wait until the app reports a worker for every queue."""
        self.start_redis()
        for worker in workers:
            self.start_worker(worker)
        self.start_app()
        self._wait_until("workers", lambda: readiness(self.address) == "ready")

    def start_redis(self) -> None:
        """Start Redis. It may lose its content: the reconciler rebuilds it from the store."""
        self.start_process("redis", self.redis.command(self.folder.resolve()))
        self._wait_until("redis", self.redis.answers)

    def start_app(self) -> None:
        """Start the app and wait until it accepts requests."""
        self.start_process("app", [sys.executable, "-m", "app"])
        self._wait_until("app", lambda: readiness(self.address) in {"ready", "degraded"})

    def start_worker(self, queue: str, name: str | None = None) -> None:
        """Start one worker of `queue`, or the reconciler. `name` distinguishes workers of the same queue."""
        self.start_process(name or queue, self.worker_command(queue))

    def worker_command(self, queue: str, module: str = "workers") -> list[str]:
        """Return the command of a worker of `queue`. `module` replaces the worker, for tests."""
        return [sys.executable, "-m", module, queue]

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process, like a power failure."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Send SIGTERM to each process, newest first, and SIGKILL to those that do not end."""
        for name in reversed(self.processes):
            process = self.processes[name]
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def log_of(self, name: str) -> str:
        """Return the last 20 lines in the log of a process."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-20:])

    def restart_ended(self, but: Collection[str] = ()) -> list[str]:
        """Restart the processes that have ended, except those of `but`. Returns their names."""
        ended = [
            name
            for name, process in list(self.processes.items())
            if name not in but and process.poll() is not None
        ]
        for name in ended:
            self.start_process(name, self.commands[name])
        return ended

    def check(self) -> None:
        """Raise `RuntimeError` with the end of the log if a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} ended with status {process.returncode}:\n{self.log_of(name)}"
                )

    def start_process(self, name: str, command: Sequence[str]) -> None:
        """Start a process with a log file, such as another server that the service needs."""
        self.commands[name] = command
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,  # Ctrl+C must not reach the children: `stop` ends them in order
            )

    def _wait_until(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"expected {name} to be ready within {START_SECONDS} s:\n{self.log_of(name)}"
                )
            time.sleep(0.05)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return True if no process listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


def wait_until_listening(port: int) -> None:
    """Wait until a process listens on a loopback port. Raises `TimeoutError` after `START_SECONDS`."""
    deadline = time.monotonic() + START_SECONDS
    while is_free(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected a listener on port {port} within {START_SECONDS} s")
        time.sleep(0.05)


def readiness(address: str) -> str | None:
    """Return the app's status: `ready`, `degraded` (a queue has no worker), `unready`, or None without a response."""
    try:
        return str(httpx2.get(f"{address}/readyz", timeout=5).json()["status"])
    except httpx2.TransportError:
        return None
