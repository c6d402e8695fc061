"""A browser without scripts: it opens pages, and sends their forms with the token and the other hidden fields."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx2
import pytest

from tests.app.evaluations.conftest import (  # noqa: F401 - fixtures
    add_labelset,
    body,
    evaluation,
    finish_evaluation,
    heldout,
)
from tests.app.streams.conftest import stream_id  # noqa: F401 - a fixture

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


def hidden(text: str) -> dict[str, str]:
    """Return the hidden fields of all forms of a page."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(text)}


def words(page: httpx2.Response) -> str:
    """Return the text of a page as a person reads it."""
    text = re.sub(r"(?s)<(head|script|style).*?</\1>|<[^>]+>", " ", page.text)
    return " ".join(unescape(text).split())
