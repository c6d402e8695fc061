"""The tenants of a service under chaos: each has a key, a weight and limits, which `python -m app` gives it."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from examples.demo.stack import REPOSITORY, Stack

SETTINGS = {"HANDSOFF_AUTH": "keys"}
LIMITS: Mapping[str, Mapping[str, int]] = {
    "alpha": {"weight": 2, "requests-per-minute": 3_000, "queued-jobs": 40},
    "beta": {"weight": 1, "requests-per-minute": 600, "queued-jobs": 10, "jobs-in-workers": 2},
}
"""The tenants. The limits of the second one are reached: its customers get refusals beside the faults."""


@dataclass(frozen=True)
class Tenant:
    """A tenant and the secret of its key."""

    name: str
    key: str = field(repr=False)


def create_tenants(stack: Stack) -> tuple[Tenant, ...]:
    """Create the tenants in the store of a service, which need not run."""
    return tuple(_create(stack, name, limits) for name, limits in LIMITS.items())


def _create(stack: Stack, name: str, limits: Mapping[str, int]) -> Tenant:
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
