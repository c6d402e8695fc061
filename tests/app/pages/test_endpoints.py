"""Promises of the page of the API."""

import re

import httpx2
import pytest


def test_the_page_needs_no_other_service(client: httpx2.Client) -> None:
    """Every address in it is this service's own: it works without the internet."""
    page = client.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    found = re.findall(r"""(?:src|href)=["'](/[^"']+)""", page.text)
    assert len(found) == 2
    assert all(client.get(address).status_code == 200 for address in found)
    assert "'/openapi.json'" in page.text or '"/openapi.json"' in page.text


def test_the_page_may_load_nothing_from_elsewhere(client: httpx2.Client) -> None:
    """Its policy says so to the browser, and no other page may frame it."""
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
    """A browser takes them for what they are and for nothing else."""
    answer = client.get(f"/docs/{name}")
    assert answer.headers["Content-Type"].partition(";")[0] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.content) > 100_000


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "..%2Fendpoints.py", "x.js"])
def test_nothing_else_of_the_folder_is_served(client: httpx2.Client, name: str) -> None:
    """The two files are named, not looked up."""
    answer = client.get(f"/docs/{name}")
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_there_is_one_page(client: httpx2.Client) -> None:
    """The framework's second page would load its script from elsewhere."""
    assert client.get("/redoc").status_code == 404
