"""Tests of the documentation page."""

import re

import httpx2
import pytest

from app.pages.endpoints import accepts_gzip

ASSETS = [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")]


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


@pytest.mark.parametrize(("name", "media_type"), ASSETS)
def test_script_and_style_have_their_types(
    client: httpx2.Client, name: str, media_type: str
) -> None:
    """A browser must use the declared media type."""
    response = client.get(f"/docs/{name}")
    assert response.headers["Content-Type"].partition(";")[0] == media_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert len(response.content) > 100_000


@pytest.mark.parametrize(("name", "media_type"), ASSETS)
def test_a_client_without_gzip_gets_the_same_content(
    client: httpx2.Client, name: str, media_type: str
) -> None:
    """The files are stored with gzip and are decompressed for a client that does not accept it."""
    compressed = client.get(f"/docs/{name}", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert {compressed.headers["Vary"], plain.headers["Vary"]} == {"Accept-Encoding"}
    assert compressed.content == plain.content
    assert int(compressed.headers["Content-Length"]) < len(plain.content) / 3


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("*, gzip; q=0.000", False),
        ("br, *;q=0", False),
    ],
)
def test_gzip_is_used_only_if_the_header_allows_it(header: str, *, accepted: bool) -> None:
    """A weight of zero forbids a coding, and `*` stands for all codings that are not listed."""
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "..%2Fendpoints.py", "x.js"])
def test_no_other_file_of_the_folder_is_served(client: httpx2.Client, name: str) -> None:
    """Only the two listed names are valid."""
    response = client.get(f"/docs/{name}")
    assert 400 <= response.status_code < 500
    assert response.headers["Content-Type"] == "application/problem+json"


def test_redoc_is_disabled(client: httpx2.Client) -> None:
    """FastAPI's second page would load its script from another site."""
    assert client.get("/redoc").status_code == 404
