"""The service as Compose starts it, but from the folders of `images.py`: Redis, the app and every pool, on loopback."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from examples.demo.redis_servers import redis_server
from examples.demo.stack import free_port, readiness
from tests.docker.composition import BASE, OURS, environment, services
from tests.docker.images import Image

LOOPBACK = "127.0.0.1"
SECRETS = "/run/handsoff"
WAIT_SECONDS = 180


class Deployment:
    """The processes by the names of their services."""

    def __init__(self, folder: Path, images: Mapping[str, Image], secrets: Path) -> None:
        self._folder = folder
        self._images = images
        self._secrets = secrets
        self._redis_port, self._port = free_port(), free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Where the API answers."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start Redis and our five services, each with the command and environment of docker-compose.yml."""
        address = self._secrets / "redis_url"
        address.write_text(
            address.read_text().replace("redis:6379", f"{LOOPBACK}:{self._redis_port}")
        )
        self._start("redis", self._redis_command(), self._folder, {})
        for name in OURS:
            image = self._image(name)
            arguments = services(BASE)[name].get("command", [])
            self._start(name, image.command(arguments), image.folder, self._environment(name))
        self.wait_until(lambda: readiness(self.address) == "ready")

    def is_healthy(self, name: str) -> bool:
        """What the image's HEALTHCHECK says of a service."""
        image = self._image(name)
        command, told = image.health_command(), self._environment(name)
        checked = subprocess.run(command, env=told, capture_output=True, check=False)
        return checked.returncode == 0

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Returns once it is so; raises, with the last words, when a service ends by itself or it takes too long."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not is_so():
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = [(self._folder / f"{name}.log").read_text()[-2_000:] for name in dead]
                raise RuntimeError(f"ended: {dead}\n" + "\n".join(logs))
            time.sleep(0.2)

    def stop(self) -> dict[str, int]:
        """SIGTERM to ours, and to Redis once they have ended, as Compose does; the exit status of each."""
        for name in OURS:
            self.processes[name].send_signal(signal.SIGTERM)
        ended = {name: self.processes[name].wait(60) for name in OURS}
        self.processes["redis"].terminate()
        return ended | {"redis": self.processes["redis"].wait(60)}

    def kill(self) -> None:
        """Whatever still runs ends now."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _image(self, name: str) -> Image:
        return self._images["app" if name == "app" else "worker"]

    def _redis_command(self) -> list[str]:
        _, *options = services(BASE)["redis"]["command"]
        options = [option.replace(SECRETS, str(self._secrets)) for option in options]
        where = ["--port", str(self._redis_port), "--bind", LOOPBACK, "--dir", str(self._folder)]
        return [redis_server(), *options, *where]

    def _environment(self, name: str) -> dict[str, str]:
        """Compose's own, with the paths and ports of this machine in place of the containers'."""
        told = {
            variable: value.replace(SECRETS, str(self._secrets))
            for variable, value in environment(services(BASE)[name]).items()
        }
        here = {
            "HANDSOFF_HOST": LOOPBACK,
            "HANDSOFF_PORT": str(self._port),
            "HANDSOFF_STORE_URL": (self._folder / "store").as_uri(),
            "HANDSOFF_ALIVE_PATH": str(self._folder / f"{name}.alive"),
            "HANDSOFF_RECONCILE_INTERVAL": "PT1S",
            "HANDSOFF_CPU_THREADS": "1",
            "TMPDIR": str(self._folder),
        }
        return self._image(name).environment(told | here)

    def _start(self, name: str, command: list[str], folder: Path, told: Mapping[str, str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=folder, env=told, stdout=log, stderr=subprocess.STDOUT
            )


@contextmanager
def deployed(folder: Path, images: Mapping[str, Image], secrets: Path) -> Iterator[Deployment]:
    """A deployment that has started, and ends with the block."""
    deployment = Deployment(folder, images, secrets)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.kill()
