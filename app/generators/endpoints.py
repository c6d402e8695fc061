"""`/v1/generators`: the pretrained generators that a fit can be made of."""

from fastapi import APIRouter

from app.generators import service
from app.generators.schemas import GeneratorView, show_generator
from app.paging import Page
from app.requests import ServicesDep, TenantDep
from contracts.ids import GeneratorId

router = APIRouter(prefix="/v1/generators", tags=["generators"])


@router.get("")
def list_generators(services: ServicesDep, tenant: TenantDep) -> Page[GeneratorView]:
    """All generators, in order of their ids."""
    ids = service.list_ids(services, tenant)
    views = tuple(_view(services, tenant, generator_id) for generator_id in ids)
    return Page(items=views, has_more=False)


@router.get("/{generator_id}")
def get_generator(
    generator_id: GeneratorId, services: ServicesDep, tenant: TenantDep
) -> GeneratorView:
    """One generator: its size, its digest, and the inverters that fit it."""
    return _view(services, tenant, generator_id)


def _view(services: ServicesDep, tenant: str, generator_id: str) -> GeneratorView:
    generator = service.find(services, tenant, generator_id)
    return show_generator(generator, service.list_inverters(services, generator))
