"""Promises of which names the service answers for, and of which pages may change anything."""

from collections.abc import Iterator

import httpx2
import pytest

from app.http.hosts import allowed_hosts
from app.main import create_app
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving

SOUND = {"num_bytes": 1, "sha256": "0" * 64}


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
def test_loopback_is_answered_by_every_name_and_port(client: httpx2.Client, host: str) -> None:
    """Programs on this machine need no setting."""
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
def test_a_foreign_name_is_refused(client: httpx2.Client, method: str, host: str) -> None:
    """A page whose name is rebound to this address reads nothing and changes nothing."""
    answer = client.request(method, "/v1/fits", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "foreign_host")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert f'found "{host}"' in answer.json()["detail"]
    assert "HANDSOFF_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/", "/v1/nothing"])
def test_a_foreign_name_reaches_no_address(client: httpx2.Client, path: str) -> None:
    """The pages of the API are no exception."""
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_may_ask_by_any_name(client: httpx2.Client, path: str) -> None:
    """A supervisor asks by the container's own address."""
    assert client.get(path, headers={"Host": "10.42.0.17:8000"}).status_code == 200
    assert client.head(path, headers={"Host": "10.42.0.17:8000"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["handsoff.example.com", "handsoff.lan:8000", "10.0.0.5:8000", "[fd00:0::5]", "localhost"]
)  # fmt: skip
def test_the_operators_names_are_answered(public: httpx2.Client, host: str) -> None:
    """The host of the public address, and those that the setting lists, on any port."""
    assert public.get("/v1/fits", headers={"Host": host}).status_code == 200


def test_other_names_stay_foreign(public: httpx2.Client) -> None:
    """A list is no pattern."""
    for host in ("example.com", "a.handsoff.lan", "10.0.0.50"):
        assert public.get("/v1/fits", headers={"Host": host}).status_code == 421


def test_an_operator_may_allow_every_name(redis_url: str) -> None:
    """A star is for a proxy that checks the name itself."""
    settings = Settings.model_validate({"redis_url": redis_url, "allowed_hosts": "*"})
    with serving(create_app(settings, Store.in_memory())) as client:
        assert client.get("/v1/fits", headers={"Host": "any.example"}).status_code == 200


def test_the_address_that_is_bound_is_allowed() -> None:
    """Who binds to an address of their network asks for it by that."""
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
def test_a_foreign_page_changes_nothing(
    client: httpx2.Client, headers: dict[str, str], method: str, path: str
) -> None:
    """Every method that changes anything is refused before its body is read, also by a signed link."""
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
def test_programs_and_own_pages_pass(client: httpx2.Client, headers: dict[str, str]) -> None:
    """A program sends no origin; the service's own page sends its own."""
    answer = client.post("/v1/uploads", json=SOUND, headers={"Host": "localhost:8000"} | headers)
    assert answer.status_code == 201, answer.text


def test_a_page_behind_a_proxy_passes(public: httpx2.Client) -> None:
    """Its origin is the public address, whatever name the proxy asks for; a default port is left out."""
    origin = {"Origin": "https://handsoff.example.com"}
    for host in ("localhost:8000", "handsoff.example.com", "handsoff.example.com:443"):
        answer = public.post("/v1/uploads", json=SOUND, headers={"Host": host} | origin)
        assert answer.status_code == 201, answer.text


def test_reading_from_elsewhere_is_allowed(client: httpx2.Client) -> None:
    """A link on another page leads here; the browser keeps the answer from that page."""
    answer = client.get("/v1/fits", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
