"""Tests of the documentation page."""

import re

import httpx2
import pytest


def test_the_page_needs_no_other_service(client: httpx2.Client) -> None:
    """All its addresses belong to this service, so it works without internet access."""
    page = client.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    addresses = re.findall(r"""(?:src|href)=["'](/[^"']+)""", page.text)
    assert len(addresses) == 2
    assert all(client.get(address).status_code == 200 for address in addresses)
    assert "'/openapi.json'" in page.text or '"/openapi.json"' in page.text


def test_the_page_may_load_nothing_from_other_sites(client: httpx2.Client) -> None:
    """Its Content-Security-Policy forbids it, and forbids framing."""
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")],
)
def test_script_and_style_have_their_types(
    client: httpx2.Client, name: str, media_type: str
) -> None:
    """Both have their media type and `nosniff`."""
    answer = client.get(f"/docs/{name}")
    assert answer.headers["Content-Type"].partition(";")[0] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.content) > 100_000


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "..%2Fendpoints.py", "x.js"])
def test_nothing_else_of_the_folder_is_served(client: httpx2.Client, name: str) -> None:
    """Only the two listed file names are accepted."""
    answer = client.get(f"/docs/{name}")
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_redoc_is_disabled(client: httpx2.Client) -> None:
    """FastAPI's second page would load its script from another site."""
    assert client.get("/redoc").status_code == 404
