"""A browser on a service with API keys, which has not signed in."""

import httpx2
import pytest

from tests.app.keys.conftest import (  # noqa: F401 - fixtures
    Headers,
    app,
    issue,
    settings,
)
from tests.app.keys.conftest import client as keyed  # noqa: F401 - a fixture


@pytest.fixture
def admin(keyed: httpx2.Client) -> Headers:  # noqa: F811 - the fixture above
    """Return the header of a key of the default tenant, for requests to the API."""
    return {"Authorization": keyed.headers["Authorization"]}


@pytest.fixture
def client(keyed: httpx2.Client, admin: Headers) -> httpx2.Client:  # noqa: F811 - the fixture above
    """Return a client without that header."""
    del keyed.headers["Authorization"]
    return keyed
