"""The whole service on one machine: Redis, the app and the workers as child processes, each with its own log file.

`make demo`, `make serve` and the end-to-end tests start the same stack. Everything listens on loopback only.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from examples.demo.redis_access import LOOPBACK, RedisAccess

REPOSITORY = Path(__file__).resolve().parents[2]
WORKERS = ("fit", "generate", "cpu", "reconcile")
START_SECONDS = 120
STOP_SECONDS = 60


class Stack:
    """Starts what it is told to and stops all of it, in the reverse order, when the block ends."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.folder = folder
        self.redis = RedisAccess(free_port())
        self.port = port or free_port()
        self.address = f"http://{LOOPBACK}:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, Sequence[str]] = {}
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
        self.folder.chmod(0o700)  # Redis's files and the logs: for this user alone
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, workers: Sequence[str] = WORKERS) -> None:
        """Start everything and wait until the app answers, and says that every queue has a worker."""
        self.start_redis()
        for worker in workers:
            self.start_worker(worker)
        self.start_app()
        self._wait_until("workers", lambda: readiness(self.address) == "ready")

    def start_redis(self) -> None:
        """Start Redis without persistence: the reconciler rebuilds from the store what Redis loses."""
        self._start("redis", self.redis.command(self.folder.resolve()))
        self._wait_until("redis", self.redis.answers)

    def start_app(self) -> None:
        """Start the app and wait until it takes requests."""
        self._start("app", [sys.executable, "-m", "app"])
        self._wait_until("app", lambda: readiness(self.address) in {"ready", "degraded"})

    def start_worker(self, queue: str, name: str | None = None) -> None:
        """Start one worker of `queue` (or the reconciler); `name` tells several of them apart."""
        self._start(name or queue, [sys.executable, "-m", "workers", queue])

    def kill(self, name: str) -> None:
        """SIGKILL: what a machine that loses power does to a process."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Ask each process to end, youngest first, and kill what does not."""
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
        """The last lines a process wrote."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-20:])

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as any supervisor would; returns the names."""
        dead = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in dead:
            self._start(name, self._commands[name])
        return dead

    def check(self) -> None:
        """Raise, with its last words, when a process has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} ended with status {process.returncode}:\n{self.log_of(name)}"
                )

    def _start(self, name: str, command: Sequence[str]) -> None:
        self._commands[name] = command
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,  # Ctrl+C reaches us alone; `stop` ends the others in order
            )

    def _wait_until(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{name} is not ready after {START_SECONDS} s:\n{self.log_of(name)}"
                )
            time.sleep(0.05)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """True when nobody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


def wait_until_listening(port: int) -> None:
    """Returns once somebody listens on a loopback port; raises `TimeoutError` when nobody ever does."""
    deadline = time.monotonic() + START_SECONDS
    while is_free(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens on port {port} after {START_SECONDS} s")
        time.sleep(0.05)


def readiness(address: str) -> str | None:
    """What the app says of itself: `ready`, `degraded` (no worker for a queue), `unready`; None without an answer."""
    try:
        return str(httpx2.get(f"{address}/readyz", timeout=5).json()["status"])
    except httpx2.TransportError:
        return None
