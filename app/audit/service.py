"""Reads the audit log of a tenant. Knows no HTTP."""

from datetime import date

from app.audit.schemas import AuditView
from app.http.paging import Page, page_of
from app.services import Services
from state.audit import entries


def list_page(
    services: Services, tenant: str, *, limit: int, after: str | None, day: date | None
) -> Page[AuditView]:
    """Return a page of the entries, newest first. Those of this process are stored before."""
    services.audit.flush()

    def load(place: str) -> AuditView | None:
        entry = entries.read(services.store, tenant, place)
        return AuditView.model_validate(entry.model_dump()) if entry is not None else None

    return page_of(
        services.secret,
        f"{tenant}/audit?{day or ''}",
        lambda before: entries.places(services.store, tenant, before, day),
        limit=limit,
        after=after,
        load=load,
    )
