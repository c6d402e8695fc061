"""Tenants of a service under test: each has a key, a weight and limits, which `python -m app` gives it."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from examples.demo.stack import REPOSITORY, Stack

SETTINGS = {"HANDSOFF_AUTH": "keys"}
"""The settings of a service that needs keys."""


@dataclass(frozen=True)
class Tenant:
    """A tenant and the secret of its key."""

    name: str
    key: str = field(repr=False)


def create_tenant(stack: Stack, name: str, limits: Mapping[str, int] | None = None) -> Tenant:
    """Create a tenant in the store of a service, which need not run. `limits` are those of `python -m app tenants`."""
    if limits:
        words = [word for limit, value in limits.items() for word in (f"--{limit}", str(value))]
        _run(stack, "tenants", "limit", name, *words)
    key = _run(stack, "keys", "create", name, "--tenant", name, "--scopes", "read,write")
    return Tenant(name, key.strip())


def _run(stack: Stack, *words: str) -> str:
    """Run a command of the operator. Returns what it prints."""
    command = [sys.executable, "-m", "app", *words]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=stack.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
