"""Promises of how the app is served, and of what its process is made of."""

import subprocess
import sys
from dataclasses import replace

import pytest

from app.__main__ import is_loopback, main, may_bind
from app.main import create_app
from contracts.kinds import FIT
from state.settings import Settings
from state.store import Store

_LOADED = "import sys; print({loaded} & {{name.partition('.')[0] for name in sys.modules}})"
_HEAVY = {"torch", "numpy", "workers", "models"}


def loaded_by(statement: str) -> str:
    """Which of the heavy modules a fresh interpreter holds after a statement."""
    code = f"{statement}\n{_LOADED.format(loaded=_HEAVY)}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_app_loads_no_torch() -> None:
    """A fresh interpreter that imports the app has no torch, no NumPy, no workers and no models."""
    assert loaded_by("import app.main, app.__main__") == "set()"


def test_the_decoding_child_loads_no_torch() -> None:
    """Of the heavy modules it has NumPy alone."""
    assert loaded_by("import app.decoding.child") == "{'numpy'}"


def test_the_test_before_can_fail() -> None:
    """The same look at an interpreter that did import one of them sees it; NumPy is there where torch is not."""
    assert loaded_by("import numpy") == "{'numpy'}"


def test_a_kind_without_endpoints_is_named() -> None:
    """The app does not start, and says what to do."""
    roomless = replace(FIT, room="app.nowhere.endpoints")
    advice = "expected a router in the module app.nowhere.endpoints of the kind 'fit'"
    with pytest.raises(LookupError, match=advice):
        create_app(Settings(), Store.in_memory(), (roomless,))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_known(host: str) -> None:
    """Addresses that only this machine reaches."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_it_refuses_to_serve_the_world(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without API keys any other address is refused, with the reason and the mend."""
    monkeypatch.setenv("HANDSOFF_HOST", host)
    assert main([]) == 2
    assert "loopback only" in capsys.readouterr().err


def test_an_operator_may_answer_for_the_network() -> None:
    """Inside a container whose port is published on loopback alone, every address may be bound."""
    assert may_bind(Settings(host="0.0.0.0", trust_network=True))
