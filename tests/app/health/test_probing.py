"""Promises of the probe of the store."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.health.probing import StoreProbe
from state import keys
from state.settings import Settings
from state.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A folder."""
    return Store.from_settings(Settings(store_url=f"file://{tmp_path}"))


def test_a_store_that_takes_nothing_is_not_usable(store: Store, tmp_path: Path) -> None:
    """A key that cannot be written stands for a full disk; once it can be, the next question finds out."""
    probe = StoreProbe(store)
    blocked = tmp_path / keys.PROBE
    blocked.mkdir()
    assert not probe.is_usable()
    blocked.rmdir()
    assert probe.is_usable()


def test_it_writes_once_in_an_interval(store: Store) -> None:
    """Who is asked every second must not write every second."""
    probe = StoreProbe(store, timedelta(hours=1))
    assert probe.is_usable()
    store.delete(keys.PROBE)
    assert probe.is_usable()
    assert store.head(keys.PROBE) is None
