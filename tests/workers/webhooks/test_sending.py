"""One attempt to send a message: signed as Standard Webhooks says, and bounded whatever the endpoint does."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from contracts.accounts.webhooks import Attempt, Message, new_secret
from tests.workers.webhooks.conftest import Received
from workers.outgoing.addresses import networks_of
from workers.webhooks.sending import send

LOOPBACK = networks_of("127.0.0.0/8")
SECRETS = [new_secret(), new_secret()]


def attempt(url: str, message: Message, seconds: float = 5) -> Attempt:
    """Send a message to loopback."""
    return send(url, message, SECRETS, timeout=timedelta(seconds=seconds), allowed=LOOPBACK)


def test_the_library_verifies_a_message(received: Received, message: Message) -> None:
    """With each of the secrets, and with no other. The id stays in every attempt."""
    sent = attempt(received.url, message)
    assert (sent.status, sent.error) == (204, None)
    ((headers, body),) = received.requests
    for secret in SECRETS:
        assert Webhook(secret).verify(body, headers) == json.loads(message.model_dump_json())
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS[0]).verify(body.replace(b"batch", b"fit"), headers)
    fields = {name.lower(): value for name, value in headers.items()}
    assert fields["webhook-id"] == message.id
    assert fields["content-type"] == "application/json"
    assert fields["host"] == f"127.0.0.1:{received.port}"


def test_a_redirect_is_not_followed(received: Received, message: Message) -> None:
    """It could lead into the operator's network."""
    received.statuses = [307]
    sent = attempt(received.url, message)
    assert sent.status == 307
    assert "redirects" in str(sent.error)
    assert len(received.requests) == 1


def test_an_error_of_the_endpoint_is_named(received: Received, message: Message) -> None:
    """Its body is not read."""
    received.statuses = [500]
    assert attempt(received.url, message).error == "the endpoint answered 500"


def test_a_private_address_gets_nothing(received: Received, message: Message) -> None:
    """Unless the operator allows it."""
    sent = send(received.url, message, SECRETS, timeout=timedelta(seconds=5))
    assert (sent.status, sent.error) == (None, "refused: the address of 127.0.0.1 is not public")
    assert received.requests == []


def test_the_connection_goes_to_the_checked_address(received: Received, message: Message) -> None:
    """The name is not resolved a second time: DNS rebinding reaches nothing."""
    answers = [["127.0.0.1"]]
    url = received.url.replace("127.0.0.1", "rebinding.invalid")
    sent = send(
        url,
        message,
        SECRETS,
        timeout=timedelta(seconds=5),
        allowed=LOOPBACK,
        resolve=lambda *_: answers.pop(),
    )
    assert sent.status == 204
    assert received.requests[0][0]["Host"] == f"rebinding.invalid:{received.port}"


@pytest.fixture(params=["silent", "dripping", "endless header", "closing", "nonsense"])
def odd(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Serve an endpoint that answers badly. Yields its URL and how it answers."""
    listener, is_over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        wire, _ = listener.accept()
        with wire:
            wire.recv(65_536)
            _answer_badly(wire, request.param, is_over)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/", request.param
    is_over.set()
    thread.join()
    listener.close()


def _answer_badly(wire: socket.socket, how: str, is_over: threading.Event) -> None:
    """Answer until the test is over or the sender closes the connection."""
    try:
        if how == "nonsense":
            wire.sendall(b"SSH-2.0-x\r\n\r\n")
        elif how == "endless header":
            wire.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not is_over.is_set():
                wire.sendall(b"a" * 65_536)
        elif how in {"silent", "dripping"}:
            while not is_over.wait(0.05):
                wire.sendall(b"H" if how == "dripping" else b"")
    except OSError:
        pass


def test_a_bad_answer_is_bounded(odd: tuple[str, str], message: Message) -> None:
    """The attempt fails within its time, also if a byte comes now and then."""
    sent = attempt(odd[0], message, seconds=0.5)
    assert sent.status is None
    assert str(sent.error).startswith("no answer")
    assert sent.seconds < 5
