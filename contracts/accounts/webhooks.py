"""Webhooks: endpoints of a tenant, their secrets, messages about ended jobs, and the record of each delivery."""

import base64
import secrets
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from contracts.base import Model, Timestamp
from contracts.ids import TenantId, id_pattern

WebhookId = Annotated[str, Field(pattern=id_pattern("webhook"))]
MessageId = Annotated[str, Field(pattern=id_pattern("message"))]

EventFilter = Literal[
    "generator",
    "inverter",
    "fit",
    "batch",
    "labeling",
    "evaluation",
    "succeeded",
    "failed",
    "cancelled",
]
"""What an endpoint may select: kinds of job, and how a job ended."""
ENDS: tuple[EventFilter, ...] = ("succeeded", "failed", "cancelled")
FILTERS: tuple[EventFilter, ...] = get_args(EventFilter)

TEST_EVENT = "webhook.test"
DeliveryState = Literal["pending", "delivered", "failed"]

_SECRET_BYTES = 32


class WebhookEndpoint(Model):
    """`endpoint.json`: where messages are sent, and which. Without `events`, all."""

    tenant: TenantId
    id: WebhookId
    created_at: Timestamp
    url: Annotated[str, Field(min_length=8, max_length=2_000)]
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    events: Annotated[tuple[EventFilter, ...], Field(max_length=len(FILTERS))] = ()

    def wants(self, event: str) -> bool:
        """Return whether the endpoint gets an event, such as `batch.succeeded`. Every endpoint gets its tests."""
        kind, _, end = event.partition(".")
        ends = [one for one in self.events if one in ENDS]
        kinds = [one for one in self.events if one not in ENDS]
        is_wanted = (not kinds or kind in kinds) and (not ends or end in ends)
        return event == TEST_EVENT or is_wanted


class WebhookSecret(Model):
    """`secrets/{number}-{uuid}.json`: a key for signatures. `others_until`: until when earlier ones sign too."""

    secret: str
    created_at: Timestamp
    others_until: Timestamp | None = None


class Message(Model):
    """What an endpoint gets as JSON. The id is that of the event, the same for every attempt and endpoint."""

    id: MessageId
    type: str
    timestamp: Timestamp
    data: dict[str, Any]


class Attempt(Model):
    """One attempt to send a message: the status of the answer, or why there was none."""

    at: Timestamp
    seconds: Annotated[float, Field(ge=0)]
    status: int | None = None
    error: str | None = None


class Delivery(Model):
    """`deliveries/{webhook}/{message}.json`: one message to one endpoint. `due_at`: the next attempt of a pending one.

    `first` is the number of attempts before the last redelivery, which begins to count again.
    """

    webhook: WebhookId
    message: Message
    state: DeliveryState
    due_at: Timestamp | None = None
    attempts: tuple[Attempt, ...] = ()
    first: Annotated[int, Field(ge=0)] = 0


def new_secret() -> str:
    """Return a new secret in the form of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def valid_secrets(stored: tuple[WebhookSecret, ...], at: datetime) -> list[str]:
    """Return the secrets that sign at a time, the newest first. `stored` are in the order of their creation."""
    found, until = list[str](), None
    for one in reversed(stored):
        if until is None or at < until:
            found.append(one.secret)
        ends = [end for end in (until, one.others_until) if end is not None]
        until = min(ends, default=None)
    return found
