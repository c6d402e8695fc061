"""Fixtures: a simulated queue on the run's Redis."""

from collections.abc import Callable, Iterator

import pytest
import redis

from state.ledger import Ledger
from tests.state.admission.simulation import Simulation


@pytest.fixture
def simulate(ledger: Ledger, redis_url: str) -> Iterator[Callable[[int], Simulation]]:
    """Return a function that starts an empty queue with some workers."""
    jobs = redis.Redis.from_url(redis_url)
    yield lambda num_workers: Simulation(ledger, jobs, num_workers)
    jobs.close()
