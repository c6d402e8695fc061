"""Requests and responses of `/v1/tenants`."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.http.links import Links
from contracts.access.tenants import TenantLimits, TenantRecord
from contracts.base import Model, Timestamp


class TenantView(Model):
    """One tenant with its limits."""

    id: Annotated[str, Field(description="The name of the tenant.", examples=["vision-team"])]
    limits: Annotated[TenantLimits, Field(description="The limits of the tenant.")]
    changed_at: Annotated[
        Timestamp | None,
        Field(
            description="When the limits were set. Null: never.", examples=["2026-01-31T12:00:00Z"]
        ),
    ] = None
    num_keys: Annotated[
        int, Field(description="API keys of the tenant that are valid now.", examples=[3])
    ]
    links: dict[str, str]


def show_tenant(
    tenant: str, record: TenantRecord | None, num_keys: int, links: Links
) -> TenantView:
    """Return a tenant as the API shows it."""
    changed_at: datetime | None = record.changed_at if record else None
    return TenantView(
        id=tenant,
        limits=record.limits if record else TenantLimits(),
        changed_at=changed_at,
        num_keys=num_keys,
        links={"self": links.resource("tenants", tenant)},
    )
