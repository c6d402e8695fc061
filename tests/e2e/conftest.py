"""The whole service as processes, on a folder and on a real S3 server: the same tests run on both."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from examples.demo.redis_access import LOOPBACK
from examples.demo.road import Road
from examples.demo.stack import Stack, free_port, wait_until_listening

BUCKET = "handsoff"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key"


@pytest.fixture(scope="module", params=["file", "s3"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Redis, the app, a worker for each queue and the reconciler, on one kind of store."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as opened:
        settings = {"HANDSOFF_CPU_THREADS": "1"}
        if request.param == "s3":
            settings |= opened.enter_context(s3_server(folder))
        stack = opened.enter_context(Stack(folder, settings=settings))
        stack.start()
        yield stack


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """`rclone serve s3` on loopback; yields the settings that point at it. A bucket is a folder of what it serves."""
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
def road(stack: Stack) -> Iterator[Road]:
    """The client of the demo."""
    road = Road(stack.address)
    yield road
    road.close()


@pytest.fixture(scope="module")
def labelset(road: Road, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four rendered portraits with masks, keypoints and depth, uploaded."""
    folder = tmp_path_factory.mktemp("portraits") / "labelled"
    return road.upload(render_labelset(folder, 4, "--all-truth"))


@pytest.fixture(scope="module")
def heldout(road: Road, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four more that no fit trains on."""
    folder = tmp_path_factory.mktemp("portraits") / "heldout"
    return road.upload(render_labelset(folder, 4, "--heldout", "--all-truth"))


@pytest.fixture(scope="module")
def fit(road: Road, labelset: str, heldout: str) -> str:
    """A quick fit that has succeeded."""
    fit_id = road.start_fit(
        generator="portraits-64",
        labelset=labelset,
        validation_labelset=heldout,
        options={"inversion": {"steps": 10}, "ensemble": {"steps": 60}},
    )
    road.succeed(f"/v1/fits/{fit_id}")
    return fit_id
