"""Limits of bodies, on the page."""

import httpx2

from tests.app.ui.conftest import Send, words


def test_a_body_that_is_too_large_is_a_page(client: httpx2.Client, send: Send) -> None:
    """413 for people: an upload above the limit of the API."""
    files = {"archive": ("labels.zip", b"0" * 500_000)}
    page = send("/ui/labelsets/new", {}, "/ui/labelsets", files=files)
    assert page.status_code == 413
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Send less data" in words(page)
    assert "Content-Security-Policy" in page.headers
