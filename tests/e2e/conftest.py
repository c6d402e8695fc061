"""The service as processes, once on a folder and once on a real S3 server. The same tests run on both."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient
from examples.demo.redis_access import LOOPBACK
from examples.demo.stack import TRAINING_WORKERS, Stack, free_port, wait_until_listening

BUCKET = "handsoff"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key"


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
        stack = opened.enter_context(Stack(folder, settings=settings))
        stack.start(TRAINING_WORKERS)
        yield stack


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run `rclone serve s3` on loopback and yield its settings. A bucket is a folder."""
    (folder / "s3" / BUCKET).mkdir(parents=True)
    port = free_port()
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder / "s3")]
    options = ["--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with (
        (folder / "rclone.log").open("wb") as log,
        subprocess.Popen([*command, *options], stdout=log, stderr=log) as server,
    ):
        try:
            wait_until_listening(port)
            yield {
                "HANDSOFF_STORE_URL": f"s3://{BUCKET}",
                "HANDSOFF_STORE_ENDPOINT": f"http://{LOOPBACK}:{port}",
                "HANDSOFF_STORE_ACCESS_KEY_ID": ACCESS_KEY,
                "HANDSOFF_STORE_SECRET_ACCESS_KEY": SECRET_KEY,
                "HANDSOFF_STORE_ALLOW_HTTP": "true",
            }
        finally:
            server.terminate()


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
