"""Creates, changes, lists and deletes endpoints of webhooks, and redelivers messages. Knows no HTTP."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import redis
import structlog

from app.http.paging import Page, page_of
from app.room import check_room
from app.services import Services
from app.webhooks.schemas import WebhookCreate
from contracts.accounts.webhooks import TEST_EVENT, Delivery, Message, WebhookEndpoint
from contracts.base import now
from contracts.errors.tree import NotFound, TooLarge
from contracts.ids import new_id
from state.webhooks import deliveries, endpoints, paths
from state.webhooks.ends import wake

log = structlog.get_logger()

T = TypeVar("T")

MAX_ENDPOINTS = 20
"""The most endpoints of a tenant: every end of a job is sent to each."""


def create(services: Services, tenant: str, body: WebhookCreate) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint. Returns it and its secret. Raises `TooLarge` beyond the limit."""
    check_room_for_one(services, tenant)
    endpoint = WebhookEndpoint(
        tenant=tenant, id=new_id("webhook"), created_at=now(), **body.model_dump()
    )
    secret = endpoints.add_secret(services.store, tenant, endpoint.id)
    endpoints.write(services.store, endpoint)
    return endpoint, secret


def check_room_for_one(services: Services, tenant: str) -> None:
    """Raise `TooLarge` if the tenant has as many endpoints as it may, or `Unavailable` if the disk is full."""
    check_room(services.store, services.settings)
    if len(endpoints.ids(services.store, tenant)) >= MAX_ENDPOINTS:
        raise TooLarge(f"Expected at most {MAX_ENDPOINTS} webhooks, got one more. Delete one.")


def find(services: Services, tenant: str, webhook_id: str) -> WebhookEndpoint:
    """Return an endpoint. Raises `NotFound`."""
    endpoint = endpoints.read(services.store, tenant, webhook_id)
    if endpoint is None:
        raise NotFound("webhook", webhook_id)
    return endpoint


def change(services: Services, found: WebhookEndpoint, body: WebhookCreate) -> WebhookEndpoint:
    """Replace address, name and events of an endpoint."""
    endpoint = found.model_copy(update=body.model_dump())
    endpoints.write(services.store, endpoint)
    return endpoint


def list_page(
    services: Services,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[WebhookEndpoint], T],
) -> Page[T]:
    """Return a page of the tenant's endpoints, newest first."""

    def load(webhook_id: str) -> T | None:
        endpoint = endpoints.read(services.store, tenant, webhook_id)
        return show(endpoint) if endpoint is not None else None

    ids = endpoints.ids(services.store, tenant)
    return _page(services, f"{tenant}/webhooks", ids, load, limit=limit, after=after)


def delete(services: Services, tenant: str, webhook_id: str) -> None:
    """Delete an endpoint with its log. Raises `NotFound`."""
    find(services, tenant, webhook_id)
    endpoints.delete(services.store, tenant, webhook_id)


def rotate(
    services: Services, tenant: str, webhook_id: str, grace: timedelta
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret. Returns both. Raises `NotFound`."""
    endpoint = find(services, tenant, webhook_id)
    return endpoint, endpoints.add_secret(services.store, tenant, webhook_id, grace)


def test(services: Services, tenant: str, webhook_id: str) -> Delivery:
    """Let a message of the type `webhook.test` be sent to an endpoint. Raises `NotFound`."""
    find(services, tenant, webhook_id)
    data = {"webhook": webhook_id}
    message = Message(id=new_id("message"), type=TEST_EVENT, timestamp=now(), data=data)
    deliveries.plan(services.store, tenant, webhook_id, message)
    _wake(services, tenant)
    return find_delivery(services, tenant, webhook_id, message.id)


def list_deliveries(
    services: Services,
    tenant: str,
    webhook_id: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[Delivery], T],
) -> Page[T]:
    """Return a page of the messages to an endpoint, newest first. Raises `NotFound`."""
    find(services, tenant, webhook_id)
    listed = services.store.list(paths.deliveries(tenant, webhook_id))

    def load(message_id: str) -> T | None:
        delivery = deliveries.read(services.store, tenant, webhook_id, message_id)
        return show(delivery) if delivery is not None else None

    ids = [info.key.rpartition("/")[2].removesuffix(".json") for info in listed]
    return _page(services, f"{tenant}/webhooks/{webhook_id}", ids, load, limit=limit, after=after)


def find_delivery(services: Services, tenant: str, webhook_id: str, message_id: str) -> Delivery:
    """Return a delivery. Raises `NotFound`."""
    find(services, tenant, webhook_id)
    delivery = deliveries.read(services.store, tenant, webhook_id, message_id)
    if delivery is None:
        raise NotFound("message", message_id)
    return delivery


def redeliver(services: Services, tenant: str, webhook_id: str, message_id: str) -> Delivery:
    """Send a message again now, whatever became of it. Raises `NotFound`."""
    found = find_delivery(services, tenant, webhook_id, message_id)
    again = deliveries.redeliver(services.store, tenant, found)
    _wake(services, tenant)
    return again


def _wake(services: Services, tenant: str) -> None:
    try:
        wake(services.ledger, tenant)
    except redis.RedisError as error:
        log.warning("the message is found a little later", tenant=tenant, error=str(error))


def _page(
    services: Services,
    scope: str,
    ids: Iterable[str],
    load: Callable[[str], T | None],
    *,
    limit: int,
    after: str | None,
) -> Page[T]:
    """Return a page of the items with these ids, newest first."""
    newest_first = sorted(ids, reverse=True)
    return page_of(
        services.secret,
        scope,
        lambda before: (each for each in newest_first if not before or each < before),
        limit=limit,
        after=after,
        load=load,
    )
