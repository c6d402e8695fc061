"""An app with API keys, whose client has a key of the default tenant; `limit` sets limits of a tenant."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI

from contracts.access.tenants import TenantLimits
from contracts.ids import DEFAULT_TENANT
from state.access import tenant_records
from state.store import Store
from tests.app.keys.conftest import app, bob, client, issue, settings
from tests.app.streams.conftest import stream_id

__all__ = ["app", "bob", "client", "issue", "settings", "stream_id"]

Limit = Callable[..., None]
"""Set limits of a tenant, as the operator's command does."""


@pytest.fixture
def limit(app: FastAPI, store: Store) -> Limit:
    """Return a function that sets limits, which hold at once."""

    def set_limits(tenant: str = DEFAULT_TENANT, **limits: float) -> None:
        tenant_records.set_limits(store, tenant, TenantLimits.model_validate(limits))
        app.state.services.keys.refresh()

    return set_limits
