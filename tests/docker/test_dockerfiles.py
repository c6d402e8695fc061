"""Promises of the two images, as far as their Dockerfiles tell them. `test_images.py` runs their steps."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.dockerfiles import FOLDER, NAMES, REPOSITORY, read

ROOMS = {
    "app": {"contracts", "state", "app"},
    "worker": {"contracts", "state", "models", "workers", "assets", "client/src/handsoff_shards"},
}


def test_hadolint_finds_nothing() -> None:
    """The linter of Dockerfiles is content with both."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, *sorted(FOLDER.glob("*.Dockerfile"))]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_image_holds_its_rooms_and_no_other(name: str) -> None:
    """The app's image has no workers and no models, the worker's no app."""
    assert read(name)[-1].rooms == ROOMS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_install_is_pinned(name: str) -> None:
    """Each `pip install` takes its versions from constraints.txt, pip's own among them."""
    steps = [run.text for stage in read(name) for run in stage.all("RUN")]
    installs = [part for step in steps for part in step.split("&&") if "pip install" in part]
    assert installs
    assert all("constraints.txt" in install for install in installs)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_one_version(name: str) -> None:
    """All stages are of one Python, named by its full version and its Debian."""
    bases = {stage.base for stage in read(name)}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases.pop())


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_a_user_with_a_number(name: str) -> None:
    """Nobody is root, and orchestrators that ask for a number find one."""
    assert read(name)[-1].last("USER").text == "10001:10001"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_stops_and_tells_its_health(name: str) -> None:
    """SIGTERM reaches the process itself (no shell in between), and Docker can ask how it is."""
    image = read(name)[-1]
    assert image.last("STOPSIGNAL").text == "SIGTERM"
    assert image.last("ENTRYPOINT").text.startswith("[")
    assert image.health_command[:2] == ["python", "-c"]


def test_the_builder_is_sent_nothing_else() -> None:
    """`.dockerignore` lets through what the Dockerfiles copy, so no secret and no data set ends up in a layer."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {room for name in NAMES for stage in read(name) for room in stage.rooms}
    assert "*" in lines
    assert let_through == copied
