"""An app with API keys. The client has a key of the default tenant with all scopes; `issue` makes further keys."""

from collections.abc import Callable, Iterator
from datetime import datetime

import httpx2
import pytest
from fastapi import FastAPI

from app.main import create_app
from contracts.access.keys import SCOPES, Scope
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from state.access import key_records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.app.evaluations.conftest import (  # noqa: F401 - fixtures
    add_labelset,
    body,
    evaluation,
    heldout,
)
from tests.app.streams.conftest import stream_id  # noqa: F401 - a fixture

Headers = dict[str, str]
Issue = Callable[..., Headers]
"""Create a key. Returns the header that sends it."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with API keys."""
    return settings.model_copy(update={"auth": "keys"})


@pytest.fixture
def app(settings: Settings, store: Store, ledger: Ledger) -> FastAPI:
    """Return an app with API keys on this test's store."""
    return create_app(settings, store)


@pytest.fixture
def issue(app: FastAPI, store: Store) -> Issue:
    """Return a function that creates a key of any tenant, as the operator's command does."""

    def create(
        tenant: str = DEFAULT_TENANT,
        scopes: tuple[Scope, ...] = SCOPES,
        expires_at: datetime | None = None,
    ) -> Headers:
        _, text = key_records.create(
            store, tenant, name="a test", scopes=scopes, expires_at=expires_at
        )
        app.state.services.keys.refresh()
        return bearer(text)

    return create


@pytest.fixture
def client(app: FastAPI, generator: StoredGenerator, issue: Issue) -> Iterator[httpx2.Client]:
    """Return a client of the app with a key of the default tenant."""
    with serving(app) as client:
        client.headers |= issue()
        yield client


@pytest.fixture
def bob(client: httpx2.Client, issue: Issue) -> Headers:
    """Return the key of another tenant, with all scopes."""
    return issue("bob")


def bearer(text: str) -> Headers:
    """Return the header that sends a key."""
    return {"Authorization": f"Bearer {text}"}
