"""Reads the dashboard, the alert rules and the example of Prometheus."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from tests.docker.dockerfiles import REPOSITORY

FOLDER = REPOSITORY / "docker" / "monitoring"


@dataclass(frozen=True)
class Query:
    """An expression, where it stands, and the text that names its labels."""

    place: str
    expression: str
    text: str


def read_yaml(name: str) -> dict[str, Any]:
    """Return a YAML file of the folder."""
    loaded: dict[str, Any] = YAML(typ="safe").load((FOLDER / name).read_text())
    return loaded


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard, without its rows."""
    return [panel for panel in _all_panels() if panel["type"] != "row"]


def rows() -> list[str]:
    """Return the titles of the dashboard's rows."""
    return [panel["title"] for panel in _all_panels() if panel["type"] == "row"]


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    return [rule for group in read_yaml("alerts.yml")["groups"] for rule in group["rules"]]


def scrapes() -> list[dict[str, Any]]:
    """Return the scrape configurations of the example."""
    found: list[dict[str, Any]] = read_yaml("prometheus.yml")["scrape_configs"]
    return found


def queries() -> Iterator[Query]:
    """Yield the expressions of the dashboard and of the rules."""
    for panel in panels():
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"], target["legendFormat"])
    for rule in rules():
        yield Query(rule["alert"], rule["expr"], rule["annotations"]["summary"])


def _all_panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return found
