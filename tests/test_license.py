"""The license is the same in the files, both distributions and the citation."""

import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECTS = (REPOSITORY / "pyproject.toml", REPOSITORY / "client" / "pyproject.toml")


@pytest.mark.parametrize("path", PROJECTS, ids=["service", "client"])
def test_a_distribution_states_its_license(path: Path) -> None:
    """It has the SPDX id, and the text in its own folder, so a built client contains it."""
    project = tomllib.loads(path.read_text())["project"]
    assert project["license"] == "Apache-2.0"
    text = (path.parent / project["license-files"][0]).read_text()
    assert text == (REPOSITORY / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_citation_states_the_same_license_and_version() -> None:
    """CITATION.cff and pyproject.toml agree."""
    citation = (REPOSITORY / "CITATION.cff").read_text()
    version = tomllib.loads(PROJECTS[0].read_text())["project"]["version"]
    assert "\nlicense: Apache-2.0\n" in citation
    assert f"\nversion: {version}\n" in citation
