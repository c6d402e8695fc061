"""The Dockerfiles of the two images. `test_images.py` runs their steps."""

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


def test_hadolint_reports_nothing() -> None:
    """The linter of Dockerfiles accepts both."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, *sorted(FOLDER.glob("*.Dockerfile"))]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_image_contains_only_its_rooms(name: str) -> None:
    """The image of the app has no workers and no models; the worker's has no app."""
    assert read(name)[-1].rooms == ROOMS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_install_is_pinned(name: str) -> None:
    """Each `pip install` uses versions from constraints.txt, also for pip."""
    steps = [run.text for stage in read(name) for run in stage.all("RUN")]
    installs = [part for step in steps for part in step.split("&&") if "pip install" in part]
    assert installs
    assert all("constraints.txt" in install for install in installs)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_one_version(name: str) -> None:
    """All stages use one Python image with a full version and a Debian release."""
    bases = {stage.base for stage in read(name)}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases.pop())


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_a_user_with_a_number(name: str) -> None:
    """The user is not root and is numeric, as some orchestrators require."""
    assert read(name)[-1].last("USER").text == "10001:10001"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_handles_signals_and_has_a_health_check(name: str) -> None:
    """SIGTERM reaches the process without a shell, and there is a health check."""
    image = read(name)[-1]
    assert image.last("STOPSIGNAL").text == "SIGTERM"
    assert image.last("ENTRYPOINT").text.startswith("[")
    assert image.health_command[:2] == ["python", "-c"]


def test_the_build_context_contains_nothing_else() -> None:
    """`.dockerignore` allows only the paths that the Dockerfiles copy, so no secret gets into a layer."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {room for name in NAMES for stage in read(name) for room in stage.rooms}
    assert "*" in lines
    assert allowed == copied
