"""Lists tenants and sets their limits. Knows no HTTP."""

import redis
import structlog

from app.http.links import Links
from app.http.paging import Page, page_of
from app.limits.schemas import TenantView, show_tenant
from app.services import Services
from contracts.access.tenants import TenantLimits
from contracts.base import now
from contracts.errors.access import Forbidden
from contracts.errors.tree import NotFound
from state.access import erasure, tenant_records
from state.admission import parts

log = structlog.get_logger()


def list_page(
    services: Services, links: Links, *, limit: int, after: str | None
) -> Page[TenantView]:
    """Return a page of the tenants, in reverse alphabetical order. A tenant has a key, limits or data."""
    services.keys.refresh()
    names = sorted(_names(services), reverse=True)
    return page_of(
        services.secret,
        "tenants",
        lambda before: (each for each in names if not before or each < before),
        limit=limit,
        after=after,
        load=lambda tenant: _show(services, links, tenant),
    )


def find(services: Services, links: Links, tenant: str) -> TenantView:
    """Return a tenant. Raises `NotFound`."""
    services.keys.refresh()
    if tenant not in _names(services):
        raise NotFound("tenant", tenant)
    return _show(services, links, tenant)


def set_limits(services: Services, links: Links, tenant: str, limits: TenantLimits) -> TenantView:
    """Replace all limits of a tenant, which need not exist yet: its first key may follow."""
    record = tenant_records.set_limits(services.store, tenant, limits)
    services.keys.refresh()
    try:
        parts.publish_one(services.ledger, tenant, tenant_records.part_of(limits))
    except redis.RedisError as error:
        log.warning("the reconciler publishes the part", tenant=tenant, error=str(error))
    return show_tenant(tenant, record, _num_keys(services, tenant), links)


def erase(services: Services, tenant: str) -> None:
    """End the keys of a tenant and delete everything that it has.

    Raises `NotFound`, or `Forbidden` for the default tenant.
    """
    services.keys.refresh()
    if tenant not in _names(services):
        raise NotFound("tenant", tenant)
    try:
        erasure.erase(services.store, tenant)
    except ValueError as error:
        raise Forbidden(f"{error}. Delete its resources one by one.") from None
    services.keys.refresh()
    erasure.forget(services.ledger, tenant)


def _names(services: Services) -> set[str]:
    keys, limited = services.keys.stored_keys, services.keys.limited_tenants
    of_keys = {stored.key.tenant for stored in keys.values()}
    return {*of_keys, *limited, *services.store.children("tenants")}


def _show(services: Services, links: Links, tenant: str) -> TenantView:
    record = services.keys.limited_tenants.get(tenant)
    return show_tenant(tenant, record, _num_keys(services, tenant), links)


def _num_keys(services: Services, tenant: str) -> int:
    at = now()
    stored_keys = services.keys.stored_keys.values()
    return sum(one.key.tenant == tenant and one.state(at) == "active" for one in stored_keys)
