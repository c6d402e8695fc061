"""Promises of the app while Redis is away: nothing is half made, and nothing that was made is lost."""

import dataclasses
from collections.abc import Iterator

import httpx2
import pytest

from app.fits import service
from app.fits.schemas import FitCreate
from app.jobs.queueing import Queueing
from app.main import create_app
from app.services import Services
from contracts.fits.fit import FitRequest
from contracts.generators import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture
def lone_client(
    settings: Settings, store: Store, generator: StoredGenerator
) -> Iterator[httpx2.Client]:
    """A client of an app whose Redis does not answer."""
    lone = Settings.model_validate(dict(settings) | {"redis_url": NOWHERE})
    with serving(create_app(lone, store)) as client:
        yield client


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_create_is_refused_and_stores_nothing(
    lone_client: httpx2.Client, labelset_id: str, store: Store, headers: dict[str, str]
) -> None:
    """When Redis is known to be away, the answer is 503 and the store is untouched."""
    body = {"generator": "tiny-32", "labelset": labelset_id}
    answer = lone_client.post("/v1/fits", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert answer.headers["Retry-After"]
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "fits"))) == []


def test_what_is_stored_can_be_read(lone_client: httpx2.Client, labelset_id: str) -> None:
    """Reads and lists come from the store."""
    assert lone_client.get(f"/v1/labelsets/{labelset_id}").status_code == 200
    (listed,) = lone_client.get("/v1/labelsets").json()["items"]
    assert listed["id"] == labelset_id


def test_the_app_is_not_ready(lone_client: httpx2.Client) -> None:
    """`/readyz` says that Redis is away; `/livez` that the process is alive."""
    answer = lone_client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"]) == (503, False)
    assert lone_client.get("/livez").status_code == 200


def test_a_stored_request_is_a_job_even_if_it_was_not_queued(
    settings: Settings,
    store: Store,
    ledger: Ledger,
    generator: StoredGenerator,
    labelset_id: str,
) -> None:
    """When Redis fails after the request is stored, the job exists; the reconciler will queue it."""
    services = Services.from_settings(settings, store)
    broken = dataclasses.replace(services, queueing=Queueing(NOWHERE))
    body = FitCreate(generator=generator.id, labelset=labelset_id)
    made = service.create(broken, DEFAULT_TENANT, body, None)
    assert records.read_request(store, made.value.ref, FitRequest) is not None
    services.ledger.redis.close()
