"""Creates, finds, lists, rotates and revokes the API keys of one tenant. Knows no HTTP.

Every change is in this process's table before the answer; other processes have it within five seconds.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from app.http.paging import Page, page_of
from app.keys.schemas import KeyCreate, KeyView
from app.services import Services
from contracts.access.keys import KeyUse, StoredKey
from contracts.base import now
from contracts.errors.access import Forbidden
from contracts.errors.tree import InvalidRequest, NotFound
from state.access import key_records

T = TypeVar("T")


def check_in_use(services: Services) -> None:
    """Raise `Forbidden` if the service works without API keys."""
    if services.settings.auth != "keys":
        raise Forbidden(
            "This service works without API keys (HANDSOFF_AUTH=none). Its operator can change that."
        )


def check(body: KeyCreate) -> None:
    """Raise `InvalidRequest` for an end in the past."""
    if body.expires_at is not None and body.expires_at <= now():
        detail = f"Expected a time in the future, got {body.expires_at.isoformat()}."
        raise InvalidRequest.at("/expires_at", detail)


def create(services: Services, tenant: str, body: KeyCreate) -> tuple[StoredKey, str]:
    """Create a key. Returns it and its text. Raises `InvalidRequest` for an end in the past."""
    check(body)
    created = key_records.create(
        services.store,
        tenant,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    services.keys.refresh()
    return created


def find(services: Services, tenant: str, key_id: str) -> StoredKey:
    """Return a key of the tenant. Raises `NotFound`."""
    stored = services.keys.refresh().get(key_id)
    if stored is None or stored.key.tenant != tenant:
        raise NotFound("key", key_id)
    return stored


def last_use(services: Services, stored: StoredKey) -> KeyUse | None:
    """Return the last stored use of a key."""
    return key_records.read_use(services.store, stored.key.id)


def list_page(
    services: Services,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    show: Callable[[StoredKey], KeyView],
) -> Page[KeyView]:
    """Return a page of the tenant's keys, newest first; revoked and expired ones too."""
    found = {
        key_id: stored
        for key_id, stored in services.keys.refresh().items()
        if stored.key.tenant == tenant
    }
    return page_of(
        services.secret,
        f"{tenant}/keys",
        lambda before: (
            each for each in sorted(found, reverse=True) if not before or each < before
        ),
        limit=limit,
        after=after,
        load=lambda key_id: show(found[key_id]),
    )


def rotate(services: Services, tenant: str, key_id: str, grace: timedelta) -> tuple[StoredKey, str]:
    """Give a key a new secret. Returns the key and its new text.

    Raises `NotFound`, or `Forbidden` for a key that has ended.
    """
    stored = find(services, tenant, key_id)
    state = stored.state(now())
    if state != "active":
        raise Forbidden(f"The key '{key_id}' is {state} and stays so. Create a new one.")
    rotated = key_records.rotate(services.store, stored, grace)
    services.keys.refresh()
    return rotated


def revoke(services: Services, tenant: str, key_id: str) -> None:
    """End a key for good. Does nothing more when it is revoked already. Raises `NotFound`."""
    find(services, tenant, key_id)
    key_records.revoke(services.store, key_id)
    services.keys.refresh()
