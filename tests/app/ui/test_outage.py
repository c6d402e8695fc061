"""The page while Redis is down: it shows what the store has, and forms keep their values."""

from collections.abc import Iterator

import httpx2
import pytest

from app.main import create_app
from contracts.generators.generator import StoredGenerator
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.app.test_outage import NOWHERE
from tests.app.ui.conftest import Send, words


@pytest.fixture
def client(settings: Settings, store: Store, generator: StoredGenerator) -> Iterator[httpx2.Client]:
    """Return a browser on an app whose Redis does not respond."""
    offline = Settings.model_validate(dict(settings) | {"redis_url": NOWHERE})
    with serving(create_app(offline, store)) as client:
        yield client


def test_the_overview_says_that_redis_is_down(client: httpx2.Client) -> None:
    """It answers, and shows no number that it does not know."""
    page = client.get("/ui")
    assert page.status_code == 200
    assert "Redis does not respond" in words(page)
    assert "Unknown while Redis does not respond" in words(page)


def test_stored_resources_are_shown(client: httpx2.Client, labelset_id: str) -> None:
    """Lists and pages read the store."""
    assert labelset_id in client.get("/ui/labelsets").text
    assert client.get(f"/ui/labelsets/{labelset_id}").status_code == 200


def test_a_form_that_cannot_be_sent_keeps_its_fields(
    client: httpx2.Client, labelset_id: str, send: Send
) -> None:
    """503 says that nothing was created, above the form."""
    fields = {"generator": "tiny-32", "labelset": labelset_id, "name": "kept"}
    page = send("/ui/fits/new", fields, "/ui/fits")
    assert page.status_code == 503
    assert "The queue does not respond" in words(page)
    assert 'value="kept"' in page.text
