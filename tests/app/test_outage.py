"""Tests of the app while Redis is down: nothing is partly created, and nothing that was created is lost."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from app.fits import service
from app.fits.schemas import FitCreate
from app.main import create_app
from app.queueing import Queueing
from app.services import Services
from contracts.fits.fit import FitRequest
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from state import keys, records
from state.ledger import Ledger
from state.redis_calls import RedisCalls
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

SECOND = timedelta(seconds=1)
NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture
def offline_client(
    settings: Settings, store: Store, generator: StoredGenerator
) -> Iterator[httpx2.Client]:
    """A client of an app whose Redis does not respond."""
    offline = Settings.model_validate(dict(settings) | {"redis_url": NOWHERE})
    with serving(create_app(offline, store)) as client:
        yield client


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_create_is_refused_and_stores_nothing(
    offline_client: httpx2.Client, labelset_id: str, store: Store, headers: dict[str, str]
) -> None:
    """While Redis is down, a create gets 503 and the store is unchanged."""
    body = {"generator": "tiny-32", "labelset": labelset_id}
    answer = offline_client.post("/v1/fits", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert answer.headers["Retry-After"]
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "fits"))) == []


def test_stored_resources_can_be_read(offline_client: httpx2.Client, labelset_id: str) -> None:
    """Reads and lists use the store."""
    assert offline_client.get(f"/v1/labelsets/{labelset_id}").status_code == 200
    (listed,) = offline_client.get("/v1/labelsets").json()["items"]
    assert listed["id"] == labelset_id


def test_the_app_is_not_ready(offline_client: httpx2.Client) -> None:
    """`/readyz` reports that Redis is down; `/livez` that the process is alive."""
    answer = offline_client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"]) == (503, False)
    assert offline_client.get("/livez").status_code == 200


def test_a_stored_request_is_a_job_even_if_it_is_not_queued(
    settings: Settings,
    store: Store,
    ledger: Ledger,
    generator: StoredGenerator,
    labelset_id: str,
) -> None:
    """When Redis fails after the request is stored, the job exists; the reconciler will queue it."""
    services = Services.from_settings(settings, store)
    queueing = Queueing(NOWHERE, RedisCalls(SECOND, SECOND), settings)
    broken = dataclasses.replace(services, queueing=queueing)
    body = FitCreate(generator=generator.id, labelset=labelset_id)
    created = service.create(broken, DEFAULT_TENANT, body, None)
    assert records.read_request(store, created.value.ref, FitRequest) is not None
    services.ledger.redis.close()
