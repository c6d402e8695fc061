"""The service with its default families, in this process: an app over HTTP, and a machine that serves its queues."""

import signal
from collections.abc import Iterator

import pytest

from app.main import create_app
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.e2e.toys.test_toy_family import Service
from tests.workers.scene import open_machine


@pytest.fixture(scope="module")
def service(redis_url: str) -> Iterator[Service]:
    """Start it with an empty Redis and a memory store. RQ's signal handlers are taken back afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    store, ledger = Store.in_memory(), Ledger.connect(redis_url)
    ledger.redis.flushall()
    app = create_app(settings, store)
    with serving(app) as http:
        yield Service(http, app, open_machine(settings, store, ledger))
    ledger.redis.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)
