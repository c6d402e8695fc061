"""`/v1/audit`: who changed what in the caller's tenant. It needs a key with the scope `admin`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.audit import service
from app.audit.schemas import AuditView
from app.http.paging import Page
from app.http.requests import PageQuery, ServicesDep, next_link
from app.keys.administrators import AdminDep
from contracts.base import Day

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class AuditQuery(PageQuery):
    """The query of the audit log."""

    day: Annotated[Day | None, Query(description="Only entries of this day (UTC)")] = None


@router.get("")
def list_audit(
    *,
    tenant: AdminDep,
    services: ServicesDep,
    query: Annotated[AuditQuery, Query()],
    request: Request,
    response: Response,
) -> Page[AuditView]:
    """List the requests that changed something or used a right of administrators, newest first."""
    page = service.list_page(services, tenant, limit=query.limit, after=query.after, day=query.day)
    return next_link(request, response, page)
