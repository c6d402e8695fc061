"""A browser without scripts: it opens pages, and sends their forms with the token and the other hidden fields."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx2
import pytest

from state.ledger import Ledger
from state.store import Store
from tests.app.evaluations.conftest import (  # noqa: F401 - fixtures
    add_labeling,
    add_labelset,
    body,
    evaluation,
    finish_evaluation,
    heldout,
)
from tests.app.streams.conftest import render as render_shard  # noqa: F401 - a fixture
from tests.app.streams.conftest import stream_id, write_shard  # noqa: F401 - fixtures
from tests.app.ui.rendered import Render, render_batch

Send = Callable[..., httpx2.Response]
"""Send the form on a page: the page, the fields, and where, if it is not the page's only form."""

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def _no_cookies(client: httpx2.Client) -> Iterator[None]:
    """Give each test a new browser: the client is shared."""
    client.cookies.clear()
    yield
    client.cookies.clear()


@pytest.fixture
def send(client: httpx2.Client) -> Send:
    """Return a function that sends a form as a browser does."""

    def send(page: str, fields: dict[str, str], to: str, files: Any = None) -> httpx2.Response:
        opened = client.get(page)
        assert opened.status_code == 200, opened.text
        return client.post(to, data={**hidden(opened.text), **fields}, files=files)

    return send


@pytest.fixture
def render(client: httpx2.Client, store: Store, ledger: Ledger, finished_fit_id: str) -> Render:
    """Return a function that renders a batch of 8 samples in shards of 3."""

    def make(**options: object) -> str:
        recipe = {"fit": finished_fit_id, "n": 8, "shard_size": 3, **options}
        return render_batch(client, store, ledger, recipe)

    return make


@pytest.fixture
def batch_id(render: Render) -> str:
    """Return the id of a batch of 8 samples in shards of 3."""
    return render()


def hidden(text: str) -> dict[str, str]:
    """Return the hidden fields of all forms of a page."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(text)}


def words(page: httpx2.Response) -> str:
    """Return the text of a page as a person reads it."""
    text = re.sub(r"(?s)<(head|script|style).*?</\1>|<[^>]+>", " ", page.text)
    return " ".join(unescape(text).split())
