"""Webhooks: addresses that get a signed message when a job ends, and the log of all messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handsoff_client.api.pages import items_of
from handsoff_client.http.operations import (
    CHANGE_WEBHOOK,
    CREATE_WEBHOOK,
    DELETE_WEBHOOK,
    GET_WEBHOOK,
    LIST_MESSAGES,
    LIST_WEBHOOKS,
    REDELIVER_MESSAGE,
    ROTATE_WEBHOOK,
    TEST_WEBHOOK,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport


@dataclass(frozen=True)
class Webhook:
    """An address. `events` are kinds of job and how they ended; empty: all. Only a new `secret` is shown."""

    id: str
    url: str
    name: str
    events: tuple[str, ...]
    created_at: datetime
    secret: str | None = None
    json: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Attempt:
    """One attempt to send a message. Without an `error` it was delivered."""

    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Message:
    """A message to an address. `status` is pending, delivered or failed."""

    id: str
    type: str
    status: str
    due_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    json: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Webhooks:
    """The addresses of a tenant: `client.webhooks`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, url: str, *, name: str = "", events: Sequence[str] = ()) -> Webhook:
        """Add an address. Keep the `secret` of the result: it is shown only once, and verifies signatures."""
        body = {"url": url, "name": name, "events": list(events)}
        return parse(Webhook, self._transport.call(CREATE_WEBHOOK, json=body))

    def list(self, *, limit: int | None = None) -> Iterator[Webhook]:
        """Yield the addresses, newest first."""
        return items_of(Webhook, self._transport, LIST_WEBHOOKS, limit=limit)

    def get(self, webhook_id: str) -> Webhook:
        """Return one address."""
        return parse(Webhook, self._transport.call(GET_WEBHOOK, webhook_id))

    def change(
        self, webhook_id: str, url: str, *, name: str = "", events: Sequence[str] = ()
    ) -> Webhook:
        """Replace address, name and events. Secrets and log stay."""
        body = {"url": url, "name": name, "events": [*events]}
        return parse(Webhook, self._transport.call(CHANGE_WEBHOOK, webhook_id, json=body))

    def delete(self, webhook_id: str) -> None:
        """Delete an address with its secrets and its log."""
        self._transport.call(DELETE_WEBHOOK, webhook_id)

    def rotate(self, webhook_id: str, *, grace_seconds: int | None = None) -> Webhook:
        """Return the address with a new secret. For `grace_seconds` (default: a day) both secrets sign."""
        body = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
        return parse(Webhook, self._transport.call(ROTATE_WEBHOOK, webhook_id, json=body))

    def test(self, webhook_id: str) -> Message:
        """Send a message of the type `webhook.test`."""
        return parse(Message, self._transport.call(TEST_WEBHOOK, webhook_id))

    def messages(self, webhook_id: str, *, limit: int | None = None) -> Iterator[Message]:
        """Yield the messages to an address with their attempts, newest first."""
        return items_of(Message, self._transport, LIST_MESSAGES, webhook_id, limit=limit)

    def redeliver(self, webhook_id: str, message_id: str) -> Message:
        """Send a message again now."""
        operation = REDELIVER_MESSAGE.of_message(message_id)
        return parse(Message, self._transport.call(operation, webhook_id))
