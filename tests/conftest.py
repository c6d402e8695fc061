"""What every test may ask for: a real Redis that lives as long as the run, a memory store, a ledger, settings."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from contracts.ledger import Ledger
from contracts.settings import Settings
from contracts.store import Store
from examples.demo.stack import free_port, redis_server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis on a free port of loopback, for the whole run. Tests that write use `ledger`, which is empty."""
    folder: Path = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL) as server:
        url = f"redis://127.0.0.1:{port}/0"
        try:
            client = redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), retries=200))
            client.ping()
            client.close()
            yield url
        finally:
            server.terminate()


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """An empty ledger on the run's Redis."""
    ledger = Ledger.connect(redis_url)
    ledger.redis.flushall()
    yield ledger
    ledger.redis.close()


@pytest.fixture
def store() -> Store:
    """An empty store in memory."""
    return Store.in_memory()


@pytest.fixture
def settings(redis_url: str) -> Settings:
    """Settings that point at the run's Redis and a store in memory."""
    return Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
