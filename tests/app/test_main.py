"""Tests of the app's command line and of the modules that its process loads."""

import subprocess
import sys
from dataclasses import replace

import pytest

from app.__main__ import main
from app.binding import is_loopback, may_bind
from app.main import create_app
from contracts.kinds import FIT
from state.settings import Settings
from state.store import Store

_LOADED = "import sys; print({loaded} & {{name.partition('.')[0] for name in sys.modules}})"
_HEAVY = {"torch", "numpy", "workers", "models"}


def loaded_by(statement: str) -> str:
    """Return the heavy modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\n{_LOADED.format(loaded=_HEAVY)}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_app_loads_no_torch() -> None:
    """A fresh interpreter that imports the app has no torch, no NumPy, no workers and no models."""
    assert loaded_by("import app.main, app.__main__") == "set()"


def test_the_decoding_child_loads_no_torch() -> None:
    """NumPy is its only heavy module."""
    assert loaded_by("import app.decoding.child") == "{'numpy'}"


def test_the_import_check_can_fail() -> None:
    """The check reports a heavy module that was imported; NumPy, because torch may not be installed."""
    assert loaded_by("import numpy") == "{'numpy'}"


def test_a_kind_without_endpoints_is_named() -> None:
    """The app does not start, and says what to do."""
    roomless = replace(FIT, room="app.nowhere.endpoints")
    advice = "expected a router in the module app.nowhere.endpoints of the kind 'fit'"
    with pytest.raises(LookupError, match=advice):
        create_app(Settings(), Store.in_memory(), (roomless,))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses_are_recognised(host: str) -> None:
    """Addresses that only this machine can reach are loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_it_refuses_to_bind_beyond_loopback(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without API keys any other address is refused, with the reason and the remedy."""
    monkeypatch.setenv("HANDSOFF_HOST", host)
    assert main([]) == 2
    refusal = capsys.readouterr().err
    assert "loopback only" in refusal
    assert "HANDSOFF_AUTH=keys" in refusal


def test_an_app_with_keys_may_bind_anywhere() -> None:
    """Callers without a key get 401."""
    assert may_bind(Settings(host="0.0.0.0", auth="keys"))


def test_an_operator_may_trust_the_network() -> None:
    """With HANDSOFF_TRUST_NETWORK, as in a container, every address may be bound."""
    assert may_bind(Settings(host="0.0.0.0", trust_network=True))
