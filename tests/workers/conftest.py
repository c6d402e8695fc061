"""Fixtures of the worker tests: a machine on the run's Redis, and a scene with a published generator."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.workers.scene import Scene, open_machine
from workers.runtime.machine import Machine


@pytest.fixture
def signals() -> Iterator[None]:
    """Remove RQ's signal handlers after the test."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def machine(settings: Settings, store: Store, ledger: Ledger) -> Machine:
    """Return a machine with a memory store and an empty ledger."""
    return open_machine(settings, store, ledger)


@pytest.fixture
def scene(machine: Machine, tmp_path: Path) -> Scene:
    """Return a scene with the random generator in its store."""
    scene = Scene(machine)
    scene.publish_generator(tmp_path)
    return scene
