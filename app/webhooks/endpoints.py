"""`/v1/webhooks`: addresses that get a signed message when a job ends, and the log of all messages."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import ExchangeDep, PageQuery, ServicesDep, TenantDep, paged
from app.http.validation import ValidateOnly, validation
from app.webhooks import service
from app.webhooks.schemas import (
    DeliveryView,
    NewWebhookView,
    WebhookCreate,
    WebhookRotate,
    WebhookView,
    show_delivery,
    show_new_webhook,
    show_webhook,
)
from contracts.accounts.webhooks import MessageId, WebhookEndpoint, WebhookId

router = APIRouter(route_class=JsonRoute, prefix="/v1/webhooks", tags=["webhooks"])


def _find(webhook_id: WebhookId, exchange: ExchangeDep) -> WebhookEndpoint:
    """Return the address in the path. Dependencies come before the body, so a foreign id is 404 with any body."""
    return service.find(exchange.services, exchange.tenant, webhook_id)


FoundDep = Annotated[WebhookEndpoint, Depends(_find)]


@router.post("", status_code=HTTPStatus.CREATED, response_model=NewWebhookView)
def add_webhook(
    *, body: WebhookCreate, exchange: ExchangeDep, validate_only: ValidateOnly = False
) -> NewWebhookView | Response:
    """Add an address. Its secret is shown only in this answer.

    There is no `Idempotency-Key`: a repeated answer could not show the secret again.
    """
    if validate_only:
        service.check_room_for_one(exchange.services, exchange.tenant)
        return validation(body)
    made = service.create(exchange.services, exchange.tenant, body)
    view = show_new_webhook(*made, exchange.links)
    exchange.response.headers["Location"] = view.links["self"]
    return view


@router.get("")
def list_webhooks(exchange: ExchangeDep, query: Annotated[PageQuery, Query()]) -> Page[WebhookView]:
    """List the addresses, newest first, without their secrets."""
    page = service.list_page(
        exchange.services,
        exchange.tenant,
        limit=query.limit,
        after=query.after,
        show=lambda endpoint: show_webhook(endpoint, exchange.links),
    )
    return paged(exchange, page)


@router.get("/{webhook_id}")
def get_webhook(webhook_id: WebhookId, exchange: ExchangeDep) -> WebhookView:
    """Return one address, without its secrets."""
    endpoint = service.find(exchange.services, exchange.tenant, webhook_id)
    return show_webhook(endpoint, exchange.links)


@router.put("/{webhook_id}")
def change_webhook(found: FoundDep, body: WebhookCreate, exchange: ExchangeDep) -> WebhookView:
    """Replace address, name and events. The secrets and the log stay."""
    endpoint = service.change(exchange.services, found, body)
    return show_webhook(endpoint, exchange.links)


@router.delete("/{webhook_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_webhook(webhook_id: WebhookId, services: ServicesDep, tenant: TenantDep) -> None:
    """Delete an address with its secrets and its log."""
    service.delete(services, tenant, webhook_id)


@router.post("/{webhook_id}/rotate")
def rotate_webhook(
    webhook_id: WebhookId, exchange: ExchangeDep, body: WebhookRotate | None = None
) -> NewWebhookView:
    """Give an address a new secret. For `grace_seconds`, a day by default, messages are signed with both."""
    grace = timedelta(seconds=(body or WebhookRotate()).grace_seconds)
    made = service.rotate(exchange.services, exchange.tenant, webhook_id, grace)
    return show_new_webhook(*made, exchange.links)


@router.post("/{webhook_id}/test", status_code=HTTPStatus.ACCEPTED)
def test_webhook(webhook_id: WebhookId, exchange: ExchangeDep) -> DeliveryView:
    """Send a message of the type `webhook.test`. The log shows what became of it."""
    delivery = service.test(exchange.services, exchange.tenant, webhook_id)
    return show_delivery(delivery, exchange.links)


@router.get("/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: WebhookId, exchange: ExchangeDep, query: Annotated[PageQuery, Query()]
) -> Page[DeliveryView]:
    """List the messages to an address with every attempt, newest first."""
    page = service.list_deliveries(
        exchange.services,
        exchange.tenant,
        webhook_id,
        limit=query.limit,
        after=query.after,
        show=lambda delivery: show_delivery(delivery, exchange.links),
    )
    return paged(exchange, page)


@router.post("/{webhook_id}/deliveries/{message_id}/redeliver", status_code=HTTPStatus.ACCEPTED)
def redeliver(webhook_id: WebhookId, message_id: MessageId, exchange: ExchangeDep) -> DeliveryView:
    """Send a message again now, with the same id."""
    delivery = service.redeliver(exchange.services, exchange.tenant, webhook_id, message_id)
    return show_delivery(delivery, exchange.links)
