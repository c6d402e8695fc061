"""What routes for the administrators of a tenant share: the scope that they need, and the caller's tenant."""

from typing import Annotated

from fastapi import Depends, Request

from app.http.json_bodies import JsonRoute
from app.http.requests import ServicesDep, identify
from app.keys.service import check_in_use
from contracts.access.keys import Scope


class AdminRoute(JsonRoute):
    """A route for administrators."""

    scope: Scope = "admin"


async def _admin(request: Request, services: ServicesDep) -> str:
    """Return the tenant of a caller that may manage its keys. Raises `Forbidden` without API keys."""
    tenant = identify(request, services, "admin")
    check_in_use(services)
    return tenant


AdminDep = Annotated[str, Depends(_admin)]
