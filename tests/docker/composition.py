"""Reads the Compose files as Compose does: YAML with its anchors, and one file laid over another."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.docker.dockerfiles import REPOSITORY

BASE, GPU = "docker-compose.yml", "compose.gpu.yaml"
FILES = (BASE, GPU)
OURS = ("app", "fit", "generate", "cpu", "reconcile")

Service = dict[str, Any]

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@cache
def load(name: str) -> dict[str, Any]:
    """A Compose file, its `${NAME:-default}` filled in with the defaults."""
    text = _VARIABLE.sub(lambda found: found[2], (REPOSITORY / name).read_text())
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def services(*names: str) -> dict[str, Service]:
    """The services of one file, or of several, each laid over those before it."""
    merged: dict[str, Any] = {}
    for name in names:
        merged = _laid_over(merged, load(name)["services"])
    return merged


def variables(name: str) -> set[str]:
    """Every variable that a file lets its user set."""
    return {found[1] for found in _VARIABLE.finditer((REPOSITORY / name).read_text())}


def environment(service: Service) -> dict[str, str]:
    """What a service's process is told by Compose itself."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def _laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _laid_over(merged[name], value) if both else value
    return merged
