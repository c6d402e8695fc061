"""`/v1/usage`: what the caller's tenant used by day, its limits, and what it has stored."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.http.requests import ServicesDep, TenantDep
from app.usage import service
from app.usage.schemas import UsageView
from contracts.base import Day

router = APIRouter(prefix="/v1/usage", tags=["usage"])


@router.get("")
def get_usage(
    services: ServicesDep,
    tenant: TenantDep,
    since: Annotated[Day | None, Query()] = None,
    until: Annotated[Day | None, Query()] = None,
) -> UsageView:
    """Return pairs, device seconds and bytes by day, by default of the last 30 days."""
    return service.usage(services, tenant, since, until)
