"""The services of Compose, started on loopback from the folders of `images.py`: Redis, the app and every pool."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from examples.demo.redis_servers import redis_server
from examples.demo.stack import free_port, readiness
from tests.docker.composition import BASE, OWN_SERVICES, environment, services
from tests.docker.images import Image

LOOPBACK = "127.0.0.1"
SECRETS = "/run/handsoff"
WAIT_SECONDS = 180


class Deployment:
    """Processes by the names of their services."""

    def __init__(self, folder: Path, images: Mapping[str, Image], secrets: Path) -> None:
        self._folder = folder
        self._images = images
        self._secrets = secrets
        self._redis_port, self._port = free_port(), free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Return the address of the API."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start Redis and the five services with the commands and environments of docker-compose.yml."""
        address = self._secrets / "redis_url"
        address.write_text(
            address.read_text().replace("redis:6379", f"{LOOPBACK}:{self._redis_port}")
        )
        self._start("redis", self._redis_command(), self._folder, {})
        for name in OWN_SERVICES:
            image = self._image(name)
            arguments = services(BASE)[name].get("command", [])
            self._start(name, image.command(arguments), image.folder, self._environment(name))
        self.wait_until(lambda: readiness(self.address) == "ready")

    def is_healthy(self, name: str) -> bool:
        """Run the image's HEALTHCHECK for a service. Returns True if it succeeds."""
        image = self._image(name)
        command, settings = image.health_command(), self._environment(name)
        checked = subprocess.run(command, env=settings, capture_output=True, check=False)
        return checked.returncode == 0

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition. Raises `RuntimeError` with logs if a service ends or the time is over."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = [(self._folder / f"{name}.log").read_text()[-2_000:] for name in ended]
                raise RuntimeError(
                    f"expected running services, got ended: {ended}\n" + "\n".join(logs)
                )
            time.sleep(0.2)

    def stop(self) -> dict[str, int]:
        """Send SIGTERM to all services, then to Redis, like Compose. Returns the exit status of each."""
        for name in OWN_SERVICES:
            self.processes[name].send_signal(signal.SIGTERM)
        ended = {name: self.processes[name].wait(60) for name in OWN_SERVICES}
        self.processes["redis"].terminate()
        return ended | {"redis": self.processes["redis"].wait(60)}

    def kill(self) -> None:
        """Kill all processes that still run."""
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
        """Return the environment of Compose with paths and ports of this machine."""
        settings = {
            variable: value.replace(SECRETS, str(self._secrets))
            for variable, value in environment(services(BASE)[name]).items()
        }
        local = {
            "HANDSOFF_HOST": LOOPBACK,
            "HANDSOFF_PORT": str(self._port),
            "HANDSOFF_STORE_URL": (self._folder / "store").as_uri(),
            "HANDSOFF_ALIVE_PATH": str(self._folder / f"{name}.alive"),
            "HANDSOFF_RECONCILE_INTERVAL": "PT1S",
            "HANDSOFF_CPU_THREADS": "1",
            "TMPDIR": str(self._folder),
        }
        return self._image(name).environment(settings | local)

    def _start(
        self, name: str, command: list[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )


@contextmanager
def deployed(folder: Path, images: Mapping[str, Image], secrets: Path) -> Iterator[Deployment]:
    """Start a deployment that ends with the block."""
    deployment = Deployment(folder, images, secrets)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.kill()
