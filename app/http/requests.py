"""What the endpoints share of HTTP: services, tenant, links, preferences, and the page of a list."""

import re
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Header, Query, Request, Response

from app.http.links import Links
from app.http.paging import Page
from app.services import Services
from contracts.base import Model
from contracts.ids import DEFAULT_TENANT


class Addressed(Protocol):
    """An answer that knows its own address."""

    @property
    def links(self) -> dict[str, str]: ...


T = TypeVar("T")
V = TypeVar("V", bound=Addressed)

MAX_WAIT_SECONDS = 60


# Dependencies that only look something up are coroutines: FastAPI gives each plain function a thread.


async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def _tenant() -> str:
    """Whose things are asked for. One tenant until there are API keys: this is where the key will be read."""
    return DEFAULT_TENANT


TenantDep = Annotated[str, Depends(_tenant)]


async def _links(request: Request, services: ServicesDep) -> Links:
    settings = services.settings
    base_url = settings.public_url or str(request.base_url)
    return Links(base_url.rstrip("/"), services.store, services.secret, settings.link_ttl)


LinksDep = Annotated[Links, Depends(_links)]


@dataclass(frozen=True)
class Exchange:
    """One request, the answer to come, and what leads from one to the other."""

    request: Request
    response: Response
    services: Services
    tenant: str
    links: Links


async def _exchange(
    *,
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Exchange:
    return Exchange(request, response, services, tenant, links)


ExchangeDep = Annotated[Exchange, Depends(_exchange)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes the request safe to repeat for 24 hours: the same key gives the same answer",
    ),
]


async def _wait(
    response: Response,
    prefer: Annotated[
        str | None, Header(description="`wait=N`: wait up to N seconds (at most 60) for the end")
    ] = None,
) -> int:
    found = re.search(r"\bwait\s*=\s*\"?([0-9]{1,9})", prefer or "", re.IGNORECASE)
    if found is None:
        return 0
    seconds = min(int(found[1]), MAX_WAIT_SECONDS)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return seconds


WaitSeconds = Annotated[int, Depends(_wait)]


class PageQuery(Model):
    """Which page of a list."""

    limit: Annotated[int, Query(ge=1, le=100, description="How many, at most")] = 20
    after: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None


def created(exchange: Exchange, view: V, *, is_replay: bool) -> V:
    """The answer to a create, with its address, and whether an earlier request with the key had made it."""
    exchange.response.headers["Location"] = view.links["self"]
    if is_replay:
        exchange.response.headers["Idempotent-Replayed"] = "true"
    return view


def paged(exchange: Exchange, page: Page[T]) -> Page[T]:
    """The page, with a `Link: rel=next` header while there is more."""
    if page.next_cursor:
        url = exchange.request.url.include_query_params(after=page.next_cursor)
        exchange.response.headers["Link"] = f'<{url}>; rel="next"'
    return page
