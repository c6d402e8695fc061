"""Reads and writes the endpoints of webhooks and their secrets."""

from collections.abc import Iterator
from datetime import timedelta

from contracts.accounts.webhooks import WebhookEndpoint, WebhookSecret, new_secret
from contracts.base import now
from contracts.ids import uuid7_hex
from state import records
from state.store import Store
from state.webhooks import paths


def write(store: Store, endpoint: WebhookEndpoint) -> None:
    """Store an endpoint, or replace it."""
    records.write(store, paths.endpoint(endpoint.tenant, endpoint.id), endpoint)


def read(store: Store, tenant: str, webhook_id: str) -> WebhookEndpoint | None:
    """Return an endpoint, or None. Raises `RecordDamaged`."""
    return records.read(store, paths.endpoint(tenant, webhook_id), WebhookEndpoint)


def ids(store: Store, tenant: str) -> tuple[str, ...]:
    """Return the ids of a tenant's endpoints, oldest first."""
    return store.children(paths.webhooks(tenant))


def read_all(store: Store, tenant: str) -> Iterator[WebhookEndpoint]:
    """Yield a tenant's endpoints, without damaged and incomplete ones."""
    for webhook_id in ids(store, tenant):
        endpoint = records.read_intact(store, paths.endpoint(tenant, webhook_id), WebhookEndpoint)
        if endpoint is not None:
            yield endpoint


def add_secret(store: Store, tenant: str, webhook_id: str, grace: timedelta = timedelta(0)) -> str:
    """Add a secret to an endpoint; the earlier ones sign for `grace` too. Returns its text."""
    number, at = len(read_secrets(store, tenant, webhook_id)), now()
    secret = WebhookSecret(secret=new_secret(), created_at=at, others_until=at + grace)
    key = f"{paths.secrets(tenant, webhook_id)}/{number:06d}-{uuid7_hex()}.json"
    records.write(store, key, secret)
    return secret.secret


def read_secrets(store: Store, tenant: str, webhook_id: str) -> tuple[WebhookSecret, ...]:
    """Return the secrets of an endpoint, oldest first."""
    listed = sorted(info.key for info in store.list(paths.secrets(tenant, webhook_id)))
    read = (records.read_intact(store, key, WebhookSecret) for key in listed)
    return tuple(one for one in read if one is not None)


def delete(store: Store, tenant: str, webhook_id: str) -> None:
    """Delete an endpoint with its secrets and deliveries. Its pending messages are dropped."""
    store.delete(paths.endpoint(tenant, webhook_id))
    for prefix in (paths.webhook(tenant, webhook_id), paths.deliveries(tenant, webhook_id)):
        for info in list(store.list(prefix)):
            store.delete(info.key)
