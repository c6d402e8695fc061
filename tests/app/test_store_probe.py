"""Tests of the store probe."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.store_probe import StoreProbe
from state import keys
from state.settings import Settings
from state.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in a folder."""
    return Store.from_settings(Settings(store_url=f"file://{tmp_path}"))


def test_a_store_that_cannot_be_written_is_not_usable(store: Store, tmp_path: Path) -> None:
    """A blocked key acts like a full disk; the next check after it is free succeeds."""
    probe = StoreProbe(store)
    blocked = tmp_path / keys.PROBE
    blocked.mkdir()
    assert not probe.is_usable()
    blocked.rmdir()
    assert probe.is_usable()


def test_it_writes_once_per_interval(store: Store) -> None:
    """Within the interval a check only reads."""
    probe = StoreProbe(store, timedelta(hours=1))
    assert probe.is_usable()
    store.delete(keys.PROBE)
    assert probe.is_usable()
    assert store.head(keys.PROBE) is None
