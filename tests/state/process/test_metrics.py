"""The figures of a process."""

from datetime import timedelta
from pathlib import Path

import pytest
import redis

from contracts.errors.tree import StoreUnavailable
from state.process.metrics import REGISTRY, STORE_ERRORS
from state.redis_calls import RedisCalls
from state.settings import Settings
from state.store import Store


def counted(name: str, error: str) -> float:
    """Return the number of errors of one type."""
    return REGISTRY.get_sample_value(name, {"error": error}) or 0.0


def store_errors() -> float:
    """Return the number of all errors of the store, whatever their type."""
    samples = (one for family in STORE_ERRORS.collect() for one in family.samples)
    return sum(one.value for one in samples if one.name == "handsoff_store_errors_total")


def test_a_failed_call_of_the_store_is_counted(tmp_path: Path) -> None:
    """Here a folder of the store cannot be made, because it is a file."""
    store = Store.from_settings(Settings(store_url=f"file://{tmp_path}"))
    (tmp_path / "tenants").write_bytes(b"")
    before = counted("handsoff_store_errors_total", "FileExistsError")
    with pytest.raises(StoreUnavailable):
        store.put("tenants/default/one", b"1")
    assert counted("handsoff_store_errors_total", "FileExistsError") == before + 1


def test_a_missing_object_is_no_error(tmp_path: Path) -> None:
    """Looking for what may not exist is how the service works."""
    before = store_errors()
    store = Store.from_settings(Settings(store_url=f"file://{tmp_path}"))
    assert store.head("tenants/default/none") is None
    with pytest.raises(FileNotFoundError):
        store.get("tenants/default/none")
    assert store_errors() == before


def test_a_failed_call_of_redis_is_counted_once() -> None:
    """Its repetitions are part of the call."""
    second = timedelta(seconds=1)
    client = RedisCalls(second, budget=second).connect("redis://127.0.0.1:1/0")
    before = counted("handsoff_redis_errors_total", "ConnectionError")
    with pytest.raises(redis.ConnectionError):
        client.ping()
    client.close()
    assert counted("handsoff_redis_errors_total", "ConnectionError") == before + 1
