"""Requests and responses of `/v1/webhooks`."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from app.http.links import Links
from contracts.accounts.delivery import checked_url
from contracts.accounts.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    EventFilter,
    WebhookEndpoint,
)
from contracts.base import Model, Timestamp

_MAX_GRACE = timedelta(days=30)


_URL = Annotated[
    str,
    AfterValidator(checked_url),
    Field(
        min_length=8,
        max_length=2_000,
        description="Where messages are sent by POST: https, with a public address.",
        examples=["https://example.com/handsoff"],
    ),
]
_NAME = Field(description="A name for people.", examples=["training pipeline"])
_EVENTS = Field(
    description="Which ends of jobs are sent: kinds of job, and how they ended. Empty: all.",
    examples=[["batch", "fit", "failed"]],
)


class WebhookCreate(Model):
    """An endpoint."""

    url: _URL
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"), _NAME] = ""
    events: Annotated[tuple[EventFilter, ...], Field(max_length=9), _EVENTS] = ()


class WebhookRotate(Model):
    """The options of a rotation."""

    grace_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=int(_MAX_GRACE.total_seconds()),
            description="How long messages are signed with the earlier secrets too, in seconds.",
            examples=[3600],
        ),
    ] = 86_400


class WebhookView(Model):
    """One endpoint, without its secrets."""

    id: str
    url: Annotated[
        str, Field(description="Where messages are sent.", examples=["https://example.com/hook"])
    ]
    name: Annotated[str, _NAME]
    events: Annotated[tuple[EventFilter, ...], _EVENTS]
    created_at: Timestamp
    links: dict[str, str]


class NewWebhookView(WebhookView):
    """An endpoint with its new secret."""

    secret: Annotated[
        str,
        Field(
            description="The secret that signs messages, for a library of Standard Webhooks. It is shown only once.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class AttemptView(Model):
    """One attempt to send a message."""

    at: Annotated[Timestamp, Field(description="When it began.", examples=["2026-01-31T12:00:00Z"])]
    seconds: Annotated[float, Field(description="How long it took.", examples=[0.21])]
    status: Annotated[
        int | None,
        Field(description="The status of the answer. Null: there was none.", examples=[200]),
    ] = None
    error: Annotated[
        str | None,
        Field(
            description="Why the attempt failed. Null: it succeeded.",
            examples=["the endpoint answered 500"],
        ),
    ] = None


class DeliveryView(Model):
    """One message to one endpoint."""

    id: Annotated[
        str,
        Field(
            description="The id of the message, which is sent as `webhook-id`.",
            examples=["message_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"],
        ),
    ]
    type: Annotated[
        str, Field(description="The kind of job and its end.", examples=["batch.succeeded"])
    ]
    status: Annotated[
        DeliveryState,
        Field(
            description="`pending`, `delivered`, or `failed` after the last attempt.",
            examples=["delivered"],
        ),
    ]
    due_at: Annotated[
        Timestamp | None,
        Field(
            description="The next attempt. Null: there is none.", examples=["2026-01-31T12:00:00Z"]
        ),
    ] = None
    attempts: Annotated[
        tuple[AttemptView, ...], Field(description="The last attempts, oldest first.")
    ]
    links: dict[str, str]


def show_webhook(endpoint: WebhookEndpoint, links: Links) -> WebhookView:
    """Return an endpoint as the API shows it."""
    names = ("deliveries", "rotate", "test")
    return WebhookView(
        **endpoint.model_dump(exclude={"tenant"}),
        links={
            "self": links.resource("webhooks", endpoint.id),
            **{name: links.resource("webhooks", endpoint.id, name) for name in names},
        },
    )


def show_new_webhook(endpoint: WebhookEndpoint, secret: str, links: Links) -> NewWebhookView:
    """Return an endpoint with its new secret."""
    return NewWebhookView(secret=secret, **show_webhook(endpoint, links).model_dump())


def show_delivery(delivery: Delivery, links: Links) -> DeliveryView:
    """Return a delivery as the API shows it."""
    message = delivery.message
    path = ("deliveries", message.id, "redeliver")
    return DeliveryView(
        id=message.id,
        type=message.type,
        status=delivery.state,
        due_at=delivery.due_at,
        attempts=tuple(map(_show_attempt, delivery.attempts)),
        links={"redeliver": links.resource("webhooks", delivery.webhook, *path)},
    )


def _show_attempt(attempt: Attempt) -> AttemptView:
    return AttemptView.model_validate(attempt.model_dump())
