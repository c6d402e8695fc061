"""The service as processes, on a folder and on two S3 servers. The same tests run on all stores."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from benchmarks.service.s3_server import BUCKET, S3Server
from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient
from examples.demo.redis_access import LOOPBACK
from examples.demo.stack import Stack, free_port, wait_until_listening
from tests.environments import environment
from tests.forked import ForkedStack

MOTO = ("moto[s3,server]==5.2.5",)
"""moto's S3 server checks the conditions of writes; `rclone serve s3` ignores them. It has a separate environment,
because botocore needs an older python-dateutil than `constraints.txt` has.
"""


@pytest.fixture(scope="module", params=["file", "s3", pytest.param("moto", marks=pytest.mark.long)])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Start Redis, the app, a worker for each queue and the reconciler, on one kind of store."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as opened:
        settings = {"HANDSOFF_CPU_THREADS": "1", "HANDSOFF_DELIVERY_NETWORKS": f"{LOOPBACK}/32"}
        if request.param == "s3":
            settings |= opened.enter_context(s3_server(folder))
        if request.param == "moto":
            settings |= opened.enter_context(moto_server(folder))
        stack = opened.enter_context(ForkedStack(folder, settings=settings))
        stack.start()
        yield stack


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run `rclone serve s3` on loopback and yield its settings. A bucket is a folder."""
    server = S3Server(folder / "s3", free_port())
    with listening(server.command(), server.port, folder / "rclone.log"):
        yield server.settings()


@contextmanager
def moto_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run moto's S3 server on loopback with one bucket in memory, and yield its settings."""
    server = S3Server(folder / "s3", free_port())
    python = environment(folder, MOTO)
    command = [str(python), "-m", "moto.server", "-H", LOOPBACK, "-p", str(server.port)]
    with listening(command, server.port, folder / "moto.log"):
        httpx2.put(f"http://{LOOPBACK}:{server.port}/{BUCKET}").raise_for_status()
        yield server.settings()


@contextmanager
def listening(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Run a server, from when it listens on its port until the end of the block."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until_listening(port)
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[PlainClient]:
    """Return the HTTP client of the demo."""
    client = PlainClient(stack.address)
    yield client
    client.close()


@pytest.fixture(scope="module")
def labelset(client: PlainClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Upload four rendered portraits with masks, keypoints and depth."""
    folder = tmp_path_factory.mktemp("portraits") / "labelled"
    return client.upload(render_labelset(folder, 4, "--all-truth"))


@pytest.fixture(scope="module")
def heldout(client: PlainClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Upload four portraits that no fit uses for training."""
    folder = tmp_path_factory.mktemp("portraits") / "heldout"
    return client.upload(render_labelset(folder, 4, "--heldout", "--all-truth"))


@pytest.fixture(scope="module")
def fit(client: PlainClient, labelset: str, heldout: str) -> str:
    """Run a short fit until it succeeds."""
    fit_id = client.start_fit(
        generator="portraits-64",
        labelset=labelset,
        validation_labelset=heldout,
        options={"inversion": {"steps": 10}, "ensemble": {"steps": 60}},
    )
    client.succeed(f"/v1/fits/{fit_id}")
    return fit_id
