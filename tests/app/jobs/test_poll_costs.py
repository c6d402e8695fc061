"""What a poll of a job costs the app: most requests are polls."""

from collections.abc import Iterator

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.fits.endpoints import router
from benchmarks.counting import CountedStore


@pytest.fixture
def store() -> CountedStore:
    """Return a store that counts its requests."""
    return CountedStore.empty()


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    """Yield everything that FastAPI resolves for each request of a route."""
    for one in dependant.dependencies:
        yield one
        yield from dependencies(one)


def test_a_poll_resolves_few_dependencies() -> None:
    """FastAPI takes longer for a dependency than for a read of a record: there were eleven."""
    (route,) = [one for one in router.routes if isinstance(one, APIRoute) and one.name == "get_fit"]
    assert len(list(dependencies(route.dependant))) <= 3


def test_a_poll_reads_three_records(
    client: httpx2.Client, store: CountedStore, fit_id: str
) -> None:
    """The request, and whether there is a manifest or a cancellation."""
    with store.counting() as requests:
        answer = client.get(f"/v1/fits/{fit_id}")
    assert answer.headers["Content-Type"] == "application/json"
    assert requests == {"get": 3}
