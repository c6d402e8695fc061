"""The two images, built by their own steps: they contain only what they need, and run the service together."""

import io
import shutil
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient
from tests.docker.composition import OWN_SERVICES
from tests.docker.deployment import Deployment, deployed
from tests.docker.dockerfiles import NAMES
from tests.docker.images import Image, build
from tests.docker.test_prepare import prepare

pytestmark = [pytest.mark.images, pytest.mark.timeout(1_800)]

FIND_MODULES = (
    "from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    """Build both images, and remove them at the end, because they take more than 1 GB."""
    folder = tmp_path_factory.mktemp("images")
    yield {name: build(name, folder) for name in NAMES}
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def deployment(
    images: dict[str, Image], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Start the service from the images."""
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(folder, images, prepare(folder)) as deployment:
        yield deployment


def test_the_app_has_no_torch(images: dict[str, Image]) -> None:
    """It has neither torch nor the rooms that need it, and the app can be imported."""
    foreign = ["torch", "models", "workers", "examples", "tests", "pytest"]
    assert images["app"].run(FIND_MODULES.format(names=foreign)) == "[]"
    assert images["app"].run("import app.__main__, app.decoding.child") == ""


def test_a_worker_has_no_web_server(images: dict[str, Image]) -> None:
    """It has neither FastAPI nor the app, and the entry point of the pools can be imported."""
    foreign = ["fastapi", "starlette", "uvicorn", "app", "examples", "tests", "pytest"]
    assert images["worker"].run(FIND_MODULES.format(names=foreign)) == "[]"
    assert images["worker"].run("import workers.runtime.main") == ""


def test_an_image_contains_only_code_and_packages(images: dict[str, Image]) -> None:
    """The top level has the rooms and the packages. The built-in weights are in `assets`."""
    tops = {name: {path.name for path in image.folder.iterdir()} for name, image in images.items()}
    assert tops["app"] == {".venv", "contracts", "state", "app"}
    assert tops["worker"] == {
        ".venv",
        "assets",
        "contracts",
        "handsoff_shards",
        "models",
        "state",
        "workers",
    }
    assert "assets/generators/portraits-64/generator.safetensors" in images["worker"].built


def test_every_container_becomes_healthy(deployment: Deployment) -> None:
    """The health check of each service succeeds after the start."""
    for name in OWN_SERVICES:
        deployment.wait_until(lambda name=name: deployment.is_healthy(name))  # type: ignore[misc] # bound immediately


def test_the_service_renders_a_pair(
    images: dict[str, Image], deployment: Deployment, tmp_path: Path
) -> None:
    """Labels are uploaded, fitted and rendered, and no process writes into an image."""
    client = PlainClient(deployment.address)
    options = {"inversion": {"steps": 5}, "ensemble": {"steps": 20}}
    labelset = client.upload(render_labelset(tmp_path / "labelled", 4))
    fit = client.start_fit(generator="portraits-64", labelset=labelset, options=options)
    client.succeed(f"/v1/fits/{fit}")
    batch = client.start_batch(fit=fit, n=1, seed=1)
    client.succeed(f"/v1/batches/{batch}")
    (shard,) = client.fetch_shards(batch)
    client.close()
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        image, mask = (read(tar, f"000000000.{suffix}") for suffix in ("png", "mask.png"))
    assert image.shape == (*mask.shape, 3)
    assert all(image.files() == image.built for image in images.values())


def test_every_container_stops_after_sigterm(deployment: Deployment) -> None:
    """Each process ends with status 0. This test is the last one, because it stops the service.

    The web server sends the signal to itself again after it has closed everything.
    """
    ended = deployment.stop()
    assert ended.pop("app") in {0, -signal.SIGTERM}
    assert ended == dict.fromkeys(ended, 0)


def read(tar: tarfile.TarFile, name: str) -> np.ndarray:
    """Read a picture of a shard."""
    member = tar.extractfile(name)
    assert member is not None
    return np.asarray(Picture.open(member))
