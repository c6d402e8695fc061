"""Reads the Compose files like Compose: YAML with anchors, and one file merged over another."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.docker.dockerfiles import REPOSITORY

BASE, GPU = "docker-compose.yml", "compose.gpu.yaml"
FILES = (BASE, GPU)
OWN_SERVICES = ("app", "fit", "generate", "cpu", "train", "evaluate", "reconcile")

Service = dict[str, Any]

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@cache
def load(name: str) -> dict[str, Any]:
    """Load a Compose file, with `${NAME:-default}` replaced by the defaults."""
    text = _VARIABLE.sub(lambda match: match[2], (REPOSITORY / name).read_text())
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def services(*names: str) -> dict[str, Service]:
    """Return the services of files, each merged over those before it."""
    merged: dict[str, Any] = {}
    for name in names:
        merged = _merge(merged, load(name)["services"])
    return merged


def variables(name: str) -> set[str]:
    """Return every variable that a user of the file can set."""
    return {match[1] for match in _VARIABLE.finditer((REPOSITORY / name).read_text())}


def environment(service: Service) -> dict[str, str]:
    """Return the environment that Compose sets for a service."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merge(merged[name], value) if both else value
    return merged
