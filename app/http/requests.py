"""Dependencies and responses that endpoints share: services, tenant, links, `Prefer`, pages of lists."""

import re
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Header, Query, Request, Response

from app.http.links import Links
from app.http.paging import Page
from app.services import Services
from contracts.access.keys import Scope
from contracts.base import Model


class Addressed(Protocol):
    """A response model with links."""

    @property
    def links(self) -> dict[str, str]: ...


T = TypeVar("T")
V = TypeVar("V", bound=Addressed)

MAX_WAIT_SECONDS = 60


# These dependencies are coroutines because FastAPI runs each plain function in a thread.


async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(_services)]


def identify(request: Request, services: Services, scope: Scope) -> str:
    """Return the caller's tenant, which is not blocked. Raises `Unauthorized`, or `Forbidden` without the scope."""
    tenant = services.tenants.identify(request.headers, scope)
    services.tenants.check(tenant)
    return tenant


async def tenant_of(request: Request) -> str:
    """Return the tenant of a caller that may read, or for other methods than GET, change something."""
    services = await _services(request)
    return identify(request, services, "read" if request.method == "GET" else "write")


TenantDep = Annotated[str, Depends(tenant_of)]

KNOWN_CALLER = Depends(tenant_of)
"""For a route that needs a caller and does not use its tenant."""


async def _links(request: Request) -> Links:
    services = await _services(request)
    settings = services.settings
    # Behind a proxy the request has the internal host.
    base_url = settings.public_url or str(request.base_url)
    return Links(base_url.rstrip("/"), services.store, services.secret, settings.link_ttl)


LinksDep = Annotated[Links, Depends(_links)]


@dataclass(frozen=True)
class Exchange:
    """One request with its response, services, tenant and links."""

    request: Request
    response: Response
    services: Services
    tenant: str
    links: Links


async def _exchange(request: Request, response: Response) -> Exchange:
    """Return the exchange. It asks for nothing by `Depends`: FastAPI needs as long for four of them as for a route."""
    services = await _services(request)
    tenant, links = await tenant_of(request), await _links(request)
    return Exchange(request, response, services, tenant, links)


ExchangeDep = Annotated[Exchange, Depends(_exchange)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes the request safe to repeat for 24 hours: the same key gives the same response",
    ),
]


async def _wait(
    response: Response,
    prefer: Annotated[
        str | None,
        Header(description="`wait=N`: wait up to N seconds (at most 60) until the job ends"),
    ] = None,
) -> int:
    match = re.search(r"\bwait\s*=\s*\"?([0-9]{1,9})", prefer or "", re.IGNORECASE)
    if match is None:
        return 0
    seconds = min(int(match[1]), MAX_WAIT_SECONDS)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return seconds


WaitSeconds = Annotated[int, Depends(_wait)]


class PageQuery(Model):
    """The query parameters of a list."""

    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of items")] = 20
    after: Annotated[str | None, Query(description="`next_cursor` of the previous page")] = None


def created(exchange: Exchange, view: V, *, is_replay: bool) -> V:
    """Return the view of a created resource and set `Location`, and `Idempotent-Replayed` for a replay."""
    exchange.response.headers["Location"] = view.links["self"]
    if is_replay:
        exchange.response.headers["Idempotent-Replayed"] = "true"
    return view


def paged(exchange: Exchange, page: Page[T]) -> Page[T]:
    """Return the page and set `Link: rel=next` if there is another one."""
    return next_link(exchange.request, exchange.response, page)


def next_link(request: Request, response: Response, page: Page[T]) -> Page[T]:
    """Return the page and set `Link: rel=next` of a response if there is another one."""
    if page.next_cursor:
        url = request.url.include_query_params(after=page.next_cursor)
        response.headers["Link"] = f'<{url}>; rel="next"'
    return page
