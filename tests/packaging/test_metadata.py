"""The metadata of both distributions agrees with the dependency groups and the constraints."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICE = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
CLIENT = tomllib.loads((REPOSITORY / "client" / "pyproject.toml").read_text())
CLIENT_REQUIREMENT = f"handsoff-client=={CLIENT['project']['version']}"


def group(name: str) -> set[str]:
    """Return the requirements of a dependency group, without those of included groups."""
    entries: Iterable[Any] = SERVICE["dependency-groups"][name]
    return {entry for entry in entries if isinstance(entry, str)}


def test_the_service_requires_its_common_group_and_the_client() -> None:
    """Every process needs the group `state`, and the shard format in the client."""
    assert set(SERVICE["project"]["dependencies"]) == group("state") | {CLIENT_REQUIREMENT}


@pytest.mark.parametrize(
    ("extra", "name"),
    [
        ("app", "app"),
        ("worker", "workers"),
        *((name, name) for name in ("c2pa", "downstream", "otel", "oidc")),
    ],
)
def test_an_extra_equals_its_group(extra: str, name: str) -> None:
    """The extras of the wheel and the groups of the images list the same packages."""
    assert set(SERVICE["project"]["optional-dependencies"][extra]) == group(name)


def test_both_distributions_have_the_same_version_and_build_backend() -> None:
    """The service requires exactly this version of the client."""
    assert SERVICE["project"]["version"] == CLIENT["project"]["version"]
    assert SERVICE["build-system"] == CLIENT["build-system"]


@pytest.mark.parametrize(
    "project", [SERVICE["project"], CLIENT["project"]], ids=["service", "client"]
)
def test_a_distribution_is_described(project: dict[str, Any]) -> None:
    """A package index shows description, README, license, keywords, classifiers and URLs."""
    fields = {
        "description",
        "readme",
        "license",
        "license-files",
        "keywords",
        "classifiers",
        "urls",
    }
    assert fields <= set(project)
    assert project["requires-python"] == ">=3.11"


def test_every_package_of_the_service_is_in_the_wheel() -> None:
    """A new room must be added to the packages of the wheel."""
    excluded = {"benchmarks", "client", "examples", "tests"}
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - excluded
    patterns = SERVICE["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {f"{room}*" for room in rooms} == set(patterns)


def test_every_file_of_the_app_is_in_the_wheel() -> None:
    """Templates, styles and scripts are data of the package; a new folder needs a pattern."""
    app = REPOSITORY / "app"
    patterns = SERVICE["tool"]["setuptools"]["package-data"]["app"]
    packed = {path for pattern in patterns for path in app.glob(pattern)}
    data = {
        path for path in app.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert data - packed == set()
    assert any(path.suffix == ".html" for path in data)
