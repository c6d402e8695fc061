"""The service's address: what is accepted, and what is said of a wrong one, within 2 seconds."""

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
    ("given", "meant"),
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
def test_an_address_is_what_a_person_means(given: str, meant: str) -> None:
    """A missing scheme, a slash too many, the prefix of the API, a page of the service."""
    assert service_url(given) == meant


@pytest.mark.parametrize(
    "given", ["http://", "ftp://host", "http://host:port", "http://host:99999", "http://[::1"]
)
def test_what_is_no_address_is_refused_at_once(given: str) -> None:
    """With an example of one."""
    with pytest.raises(InvalidInput, match=r"such as http://127\.0\.0\.1:8000, got"):
        HandsOff(given)


@pytest.mark.parametrize("given", ["http://host/?a=1", "http://ho st/", "http:///v1", "http://h#x"])
def test_what_no_address_has_is_refused(given: str) -> None:
    """A query, a fragment, a space, no host."""
    with pytest.raises(InvalidInput, match="Expected the service's address"):
        service_url(given)


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment cannot reach the loopback of this machine."""
    with answering(says(http(b'{"status": "alive"}', kind="application/json"))) as port:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with HandsOff(f"http://127.0.0.1:{port}") as client:
            client.check_contact()
    assert is_loopback("http://localhost:1")
    assert not is_loopback("http://192.168.0.1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(PAGE), "answered 200 with 'text/html', not as HandsOff does"),
        (says(LOST), "answered 404 with 'text/html', not as HandsOff does"),
        (says(OTHER_JSON), "answered 200 with 'application/json', not as HandsOff does"),
        (says(ELSEWHERE), "points to 'https://127.0.0.1/'"),
        (says(b"-ERR unknown command\r\n"), "does not answer with HTTP"),
        (
            lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"),
            "does not answer with HTTP",
        ),
        (lambda _: None, "If it serves HTTPS, use https://127.0.0.1"),
    ],
)
def test_another_server_is_recognized(answer: Serve, words: str) -> None:
    """A web page, another API, a redirect, another protocol, HTTPS where HTTP is spoken."""
    with answering(answer) as port, HandsOff(f"http://127.0.0.1:{port}") as client:
        begun = time.monotonic()
        with pytest.raises((Unreachable, InvalidAnswer), match=words) as caught:
            client.check_contact()
        assert time.monotonic() - begun < 2
        assert f"http://127.0.0.1:{port}" in str(caught.value)


def test_http_where_https_was_expected_is_recognized() -> None:
    """The server answers the TLS greeting with plain HTTP."""
    with answering(says(http(b"", status="400 Bad Request"))) as port:
        with HandsOff(f"https://127.0.0.1:{port}") as client, pytest.raises(Unreachable) as caught:
            client.check_contact()
        assert f"Try http://127.0.0.1:{port}." in str(caught.value)


def test_a_silent_server_is_told_in_2_seconds_and_given_up_later() -> None:
    """It may be a service that is very busy: the person knows, and it is waited for a little."""
    told: list[float] = []
    with answering(is_silent) as port:
        address = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=address) as client:
            begun = time.monotonic()

            def notify(text: str) -> None:
                assert address in text
                told.append(time.monotonic() - begun)

            with pytest.raises(Unreachable) as caught:
                check_contact(client, notify, patience=httpx2.Timeout(0.1))
    assert told[0] < 2
    assert "nothing was sent in time" in str(caught.value)


def test_a_service_behind_a_proxy_that_passes_the_api_alone_is_one() -> None:
    """`/livez` is a page of the proxy, the API answers."""

    def serve(connection: socket.socket) -> None:
        head = connection.recv(65_536)
        listed = http(b'{"items": [], "has_more": false}', kind="application/json")
        connection.sendall(listed if head.startswith(b"GET /v1/") else LOST)

    with answering(serve) as port, HandsOff(f"http://127.0.0.1:{port}") as client:
        client.check_contact()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "127.0.0.1:1/v1", "http://no.invalid"])
def test_the_command_line_tells_a_wrong_address_in_2_seconds(
    capsys: pytest.CaptureFixture[str], address: str
) -> None:
    """One line with the address and what to do; exit code 5."""
    begun = time.monotonic()
    assert main(["--url", address, "fits"]) == 5
    assert time.monotonic() - begun < 2
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert told.count("\n") == 1


def test_the_first_request_of_a_client_gives_up_soon() -> None:
    """Also without the command line: nothing listens at a wrong address, however often it is asked."""
    begun = time.monotonic()
    with HandsOff("http://127.0.0.1:1") as client, pytest.raises(HandsOffError, match="--url"):
        client.fits.get("fit_1")
    assert time.monotonic() - begun < 2
