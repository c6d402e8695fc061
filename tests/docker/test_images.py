"""Promises of the two images, kept by what their own steps make: they hold enough, no more, and serve together."""

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
from examples.demo.road import Road
from tests.docker.composition import OURS
from tests.docker.deployment import Deployment, deployed
from tests.docker.dockerfiles import NAMES
from tests.docker.images import Image, build
from tests.docker.test_prepare import prepare

pytestmark = [pytest.mark.images, pytest.mark.timeout(1_800)]

FOUND = "from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    """Both images, built, and removed at the end: they are more than a gigabyte."""
    folder = tmp_path_factory.mktemp("images")
    yield {name: build(name, folder) for name in NAMES}
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def deployment(
    images: dict[str, Image], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The service, started from them."""
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(folder, images, prepare(folder)) as deployment:
        yield deployment


def test_the_app_has_no_torch(images: dict[str, Image]) -> None:
    """Neither the package nor the rooms that need it; and the app can be imported without them."""
    foreign = ["torch", "models", "workers", "examples", "tests", "pytest"]
    assert images["app"].run(FOUND.format(names=foreign)) == "[]"
    assert images["app"].run("import app.__main__, app.decoding.child") == ""


def test_a_worker_has_no_web_server(images: dict[str, Image]) -> None:
    """Neither FastAPI nor the app; and every pool's entry point can be imported without them."""
    foreign = ["fastapi", "starlette", "uvicorn", "app", "examples", "tests", "pytest"]
    assert images["worker"].run(FOUND.format(names=foreign)) == "[]"
    assert images["worker"].run("import workers.runtime.main") == ""


def test_nothing_but_code_and_packages_is_in_an_image(images: dict[str, Image]) -> None:
    """At the top lie the rooms and the packages; the built-in weights are in the workers' room."""
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


def test_every_container_says_that_it_is_well(deployment: Deployment) -> None:
    """The health check of each service succeeds once it has started."""
    for name in OURS:
        deployment.wait_until(lambda name=name: deployment.is_healthy(name))  # type: ignore[misc] # bound at once


def test_they_serve_a_pair(
    images: dict[str, Image], deployment: Deployment, tmp_path: Path
) -> None:
    """Labels go in, a fit is made, and labelled images come out; none of it writes into an image."""
    road = Road(deployment.address)
    options = {"inversion": {"steps": 5}, "ensemble": {"steps": 20}}
    labelset = road.upload(render_labelset(tmp_path / "labelled", 4))
    fit = road.start_fit(generator="portraits-64", labelset=labelset, options=options)
    road.succeed(f"/v1/fits/{fit}")
    batch = road.start_batch(fit=fit, n=1, seed=1)
    road.succeed(f"/v1/batches/{batch}")
    (shard,) = road.fetch_shards(batch)
    road.close()
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        image, mask = (read(tar, f"000000000.{suffix}") for suffix in ("png", "mask.png"))
    assert image.shape == (*mask.shape, 3)
    assert all(image.files() == image.built for image in images.values())


def test_every_container_stops_in_good_order(deployment: Deployment) -> None:
    """After SIGTERM each ends by itself; it comes last of these tests, for nothing runs afterwards.

    The web server sends the signal to itself again once it has closed everything.
    """
    ended = deployment.stop()
    assert ended.pop("app") in {0, -signal.SIGTERM}
    assert set(ended.values()) == {0}


def read(tar: tarfile.TarFile, name: str) -> np.ndarray:
    """A picture of a shard."""
    member = tar.extractfile(name)
    assert member is not None
    return np.asarray(Picture.open(member))
