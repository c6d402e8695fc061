"""The service as processes, once on a folder and once on a real S3 server. The same tests run on both."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.service.s3_server import S3Server
from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient
from examples.demo.stack import Stack, free_port, wait_until_listening
from tests.forked import ForkedStack


@pytest.fixture(scope="module", params=["file", "s3"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Start Redis, the app, a worker for each queue and the reconciler, on one kind of store."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as opened:
        settings = {"HANDSOFF_CPU_THREADS": "1"}
        if request.param == "s3":
            settings |= opened.enter_context(s3_server(folder))
        stack = opened.enter_context(ForkedStack(folder, settings=settings))
        stack.start()
        yield stack


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run `rclone serve s3` on loopback and yield its settings. A bucket is a folder."""
    server = S3Server(folder / "s3", free_port())
    with (
        (folder / "rclone.log").open("wb") as log,
        subprocess.Popen(server.command(), stdout=log, stderr=log) as process,
    ):
        try:
            wait_until_listening(server.port)
            yield server.settings()
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
