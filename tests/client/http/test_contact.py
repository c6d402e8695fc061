"""The address of the service: accepted forms, and the error for a wrong one within 2 seconds."""

import socket
import time

import httpx2
import pytest

from handsoff_client import HandsOff, HandsOffError, InvalidAnswer, InvalidInput, Unreachable
from handsoff_client.cli.commands import main
from handsoff_client.http.addresses import is_loopback, service_url
from handsoff_client.http.contact import check_contact
from tests.client.http.raw_servers import Serve, answering, http, is_silent, says

PAGE = http(b"<html>hello</html>")
LOST = http(b"<html>not here</html>", status="404 Not Found")
ELSEWHERE = http(b"", status="301 Moved", more="Location: https://127.0.0.1/\r\n")
OTHER_JSON = http(b'{"status": "ok", "items": 1}', kind="application/json")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000//v1//", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1/fits/fit_1", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000/v1", "http://localhost:8000"),
        (" HTTP://host/v1 ", "http://host"),
        ("https://host/labels/v1", "https://host/labels"),
        ("http://host/v1beta", "http://host/v1beta"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_has_several_forms(text: str, url: str) -> None:
    """A missing scheme, an extra slash, the prefix of the API, a page of the service."""
    assert service_url(text) == url


@pytest.mark.parametrize(
    "text", ["http://", "ftp://host", "http://host:port", "http://host:99999", "http://[::1"]
)
def test_an_invalid_address_is_refused_immediately(text: str) -> None:
    """The message has an example."""
    with pytest.raises(InvalidInput, match=r"such as http://127\.0\.0\.1:8000, got"):
        HandsOff(text)


@pytest.mark.parametrize("text", ["http://host/?a=1", "http://ho st/", "http:///v1", "http://h#x"])
def test_an_address_with_other_parts_is_refused(text: str) -> None:
    """A query, a fragment, a space, no host."""
    with pytest.raises(InvalidInput, match="Expected the service's address"):
        service_url(text)


def test_no_proxy_is_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy cannot reach the loopback of this machine."""
    with answering(says(http(b'{"status": "alive"}', kind="application/json"))) as port:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with HandsOff(f"http://127.0.0.1:{port}") as client:
            client.check_contact()
    assert is_loopback("http://localhost:1")
    assert not is_loopback("http://192.168.0.1")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (says(PAGE), "Expected an answer of HandsOff, got 200 with 'text/html'"),
        (says(LOST), "Expected an answer of HandsOff, got 404 with 'text/html'"),
        (says(OTHER_JSON), "Expected an answer of HandsOff, got 200 with 'application/json'"),
        (says(ELSEWHERE), "redirects to 'https://127.0.0.1/'"),
        (says(b"-ERR unknown command\r\n"), "does not answer with HTTP"),
        (
            lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"),
            "does not answer with HTTP",
        ),
        (lambda _: None, "If it serves HTTPS, use https://127.0.0.1"),
    ],
)
def test_another_server_is_recognized(answer: Serve, message: str) -> None:
    """A web page, another API, a redirect, another protocol, HTTPS instead of HTTP."""
    with answering(answer) as port, HandsOff(f"http://127.0.0.1:{port}") as client:
        start = time.monotonic()
        with pytest.raises((Unreachable, InvalidAnswer), match=message) as caught:
            client.check_contact()
        assert time.monotonic() - start < 2
        assert f"http://127.0.0.1:{port}" in str(caught.value)


def test_http_instead_of_https_is_recognized() -> None:
    """The server answers the TLS handshake with plain HTTP."""
    with answering(says(http(b"", status="400 Bad Request"))) as port:
        with HandsOff(f"https://127.0.0.1:{port}") as client, pytest.raises(Unreachable) as caught:
            client.check_contact()
        assert f"Try http://127.0.0.1:{port}." in str(caught.value)


def test_a_silent_server_is_reported_in_2_seconds() -> None:
    """It may be a very busy service: the user gets a message, and the client waits a little longer."""
    notified: list[float] = []
    with answering(is_silent) as port:
        address = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=address) as client:
            start = time.monotonic()

            def notify(text: str) -> None:
                assert address in text
                notified.append(time.monotonic() - start)

            with pytest.raises(Unreachable) as caught:
                check_contact(client, notify, patience=httpx2.Timeout(0.1))
    assert notified[0] < 2
    assert "sent nothing in time" in str(caught.value)


def test_a_proxy_may_forward_only_the_api() -> None:
    """`/livez` is a page of the proxy, but the API answers."""

    def serve(connection: socket.socket) -> None:
        head = connection.recv(65_536)
        listed = http(b'{"items": [], "has_more": false}', kind="application/json")
        connection.sendall(listed if head.startswith(b"GET /v1/") else LOST)

    with answering(serve) as port, HandsOff(f"http://127.0.0.1:{port}") as client:
        client.check_contact()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "127.0.0.1:1/v1", "http://no.invalid"])
def test_the_command_line_reports_a_wrong_address_in_2_seconds(
    capsys: pytest.CaptureFixture[str], address: str
) -> None:
    """One line has the address and says what to do. The exit code is 5."""
    start = time.monotonic()
    assert main(["--url", address, "fits"]) == 5
    assert time.monotonic() - start < 2
    error = capsys.readouterr().err
    assert "does not answer" in error
    assert error.count("\n") == 1


def test_the_first_request_of_a_client_fails_quickly() -> None:
    """No server listens at a wrong address, so many retries do not help."""
    start = time.monotonic()
    with HandsOff("http://127.0.0.1:1") as client, pytest.raises(HandsOffError, match="--url"):
        client.fits.get("fit_1")
    assert time.monotonic() - start < 2
