"""Tests of the allowed Host names and of the web pages that may make changes."""

from collections.abc import Iterator

import httpx2
import pytest

from app.http.hosts import allowed_hosts
from app.main import create_app
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

VALID = {"num_bytes": 1, "sha256": "0" * 64}


@pytest.fixture(scope="module")
def public(redis_url: str) -> Iterator[httpx2.Client]:
    """An app behind a proxy, with a public address and two more names."""
    settings = Settings.model_validate(
        {
            "redis_url": redis_url,
            "public_url": "https://handsoff.example.com/sub",
            "allowed_hosts": "Handsoff.LAN, 10.0.0.5,[fd00::5]",
        }
    )
    with serving(create_app(settings, Store.in_memory())) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.8.8.8:9", "[::1]", "[::1]:8000"],
)  # fmt: skip
def test_every_loopback_name_and_port_is_allowed(client: httpx2.Client, host: str) -> None:
    """Programs on the same machine need no setting."""
    assert client.get("/v1/fits", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil.localhost.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "192.168.1.5",
        "[::2]",
        "0x7f.evil",
        "localhost:99999",
        "[::1",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_foreign_host_is_refused(client: httpx2.Client, method: str, host: str) -> None:
    """A page that rebinds its name to this address (DNS rebinding) can neither read nor change anything."""
    answer = client.request(method, "/v1/fits", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "foreign_host")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert f'got "{host}"' in answer.json()["detail"]
    assert "HANDSOFF_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/", "/v1/nothing"])
def test_a_foreign_host_is_refused_at_every_address(client: httpx2.Client, path: str) -> None:
    """The check covers the docs and unknown addresses too."""
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_health_probes_may_use_any_host(client: httpx2.Client, path: str) -> None:
    """A supervisor uses the container's address."""
    assert client.get(path, headers={"Host": "10.42.0.17:8000"}).status_code == 200
    assert client.head(path, headers={"Host": "10.42.0.17:8000"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["handsoff.example.com", "handsoff.lan:8000", "10.0.0.5:8000", "[fd00:0::5]", "localhost"]
)  # fmt: skip
def test_configured_hosts_are_allowed(public: httpx2.Client, host: str) -> None:
    """The host of the public URL and the listed hosts are allowed on any port."""
    assert public.get("/v1/fits", headers={"Host": host}).status_code == 200


def test_other_hosts_are_refused(public: httpx2.Client) -> None:
    """Listed hosts match exactly, without subdomains or prefixes."""
    for host in ("example.com", "a.handsoff.lan", "10.0.0.50"):
        assert public.get("/v1/fits", headers={"Host": host}).status_code == 421


def test_a_star_allows_every_host(redis_url: str) -> None:
    """A star is for a proxy that checks the Host header itself."""
    settings = Settings.model_validate({"redis_url": redis_url, "allowed_hosts": "*"})
    with serving(create_app(settings, Store.in_memory())) as client:
        assert client.get("/v1/fits", headers={"Host": "any.example"}).status_code == 200


def test_the_bound_address_is_allowed() -> None:
    """The service answers requests for the address it is bound to."""
    assert "10.0.0.7" in allowed_hosts(Settings(host="10.0.0.7", trust_network=True))


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "Cross-Site", "Origin": "http://localhost:8000"},
    {"Origin": ""},
    {"Origin": "file://"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/uploads"),
        ("POST", "/v1/labelsets"),
        ("DELETE", "/v1/fits/fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"),
        ("PUT", "/v1/uploads/upload_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f/content?expires=9&signature=x"),
        ("PATCH", "/v1/fits"),
        ("POST", "/v1/nothing"),
    ],
)  # fmt: skip
def test_a_foreign_page_cannot_make_changes(
    client: httpx2.Client, headers: dict[str, str], method: str, path: str
) -> None:
    """Every method that makes changes is refused before its body is read, with a signed link too."""
    answer = client.request(method, path, headers={"Host": "localhost:8000"} | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://LOCALHOST:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_own_pages_are_allowed(client: httpx2.Client, headers: dict[str, str]) -> None:
    """A program sends no Origin; a page of the service sends the service's."""
    answer = client.post("/v1/uploads", json=VALID, headers={"Host": "localhost:8000"} | headers)
    assert answer.status_code == 201, answer.text


def test_a_page_behind_a_proxy_is_allowed(public: httpx2.Client) -> None:
    """Its Origin is the public URL, whatever Host the proxy sends; browsers omit the default port."""
    origin = {"Origin": "https://handsoff.example.com"}
    for host in ("localhost:8000", "handsoff.example.com", "handsoff.example.com:443"):
        answer = public.post("/v1/uploads", json=VALID, headers={"Host": host} | origin)
        assert answer.status_code == 201, answer.text


def test_reading_from_a_foreign_page_is_allowed(client: httpx2.Client) -> None:
    """Links from other pages work; without CORS headers the browser hides the response from the page."""
    answer = client.get("/v1/fits", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
