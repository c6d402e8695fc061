"""The metadata of the client's distribution, as a package index shows it."""

import re
import tomllib
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "client"


def test_the_readme_has_no_relative_link() -> None:
    """A package index shows only the README, so a relative link would lead nowhere."""
    links = re.findall(r"\]\(([^)\s]+)\)", (CLIENT / "README.md").read_text("utf-8"))
    assert links
    assert all(link.startswith("https://") for link in links)


def test_the_distribution_is_described() -> None:
    """License as SPDX, keywords, classifiers and URLs; the examples are in the source distribution."""
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert {"keywords", "classifiers", "urls", "readme", "license-files"} <= set(project)
    assert "graft examples" in (CLIENT / "MANIFEST.in").read_text("utf-8").splitlines()
