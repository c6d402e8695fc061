"""`/v1/tenants`: all tenants of the service and their limits. Every operation needs a key with the scope `operator`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.http.json_bodies import JsonRoute
from app.http.paging import Page
from app.http.requests import LinksDep, PageQuery, ServicesDep, identify, next_link
from app.keys.service import check_in_use
from app.limits import service
from app.limits.schemas import TenantView
from contracts.access.keys import Scope
from contracts.access.tenants import TenantLimits
from contracts.ids import TenantId


class OperatorRoute(JsonRoute):
    """A route for operators of the service."""

    scope: Scope = "operator"


router = APIRouter(route_class=OperatorRoute, prefix="/v1/tenants", tags=["tenants"])


async def _operator(request: Request, services: ServicesDep) -> None:
    """Check that the caller operates the service. Raises `Forbidden`, also without API keys."""
    identify(request, services, "operator")
    check_in_use(services)


OPERATOR = Depends(_operator)


@router.get("", dependencies=[OPERATOR])
def list_tenants(
    *,
    services: ServicesDep,
    links: LinksDep,
    query: Annotated[PageQuery, Query()],
    request: Request,
    response: Response,
) -> Page[TenantView]:
    """List all tenants with their limits."""
    page = service.list_page(services, links, limit=query.limit, after=query.after)
    return next_link(request, response, page)


@router.get("/{tenant_id}", dependencies=[OPERATOR])
def get_tenant(tenant_id: TenantId, services: ServicesDep, links: LinksDep) -> TenantView:
    """Return one tenant with its limits."""
    return service.find(services, links, tenant_id)


@router.put("/{tenant_id}/limits", dependencies=[OPERATOR])
def set_limits(
    tenant_id: TenantId, body: TenantLimits, services: ServicesDep, links: LinksDep
) -> TenantView:
    """Replace the limits of a tenant. Within five seconds all processes follow them."""
    return service.set_limits(services, links, tenant_id, body)


@router.delete("/{tenant_id}", dependencies=[OPERATOR], status_code=HTTPStatus.NO_CONTENT)
def erase_tenant(tenant_id: TenantId, services: ServicesDep) -> None:
    """End all keys of a tenant for good, and delete everything that it has. The audit log stays."""
    service.erase(services, tenant_id)
