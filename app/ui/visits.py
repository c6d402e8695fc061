"""A visit of the page: who reads it, and the token that its forms must send back.

The key of a visitor is in a cookie that no script can read and that no other site's request carries. It is checked by
the same rules as the header of the API, on each request. A random cookie and the key decide the token of forms.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers

from app.http.links import Links
from app.http.requests import Exchange
from app.http.signing import is_signed, signature
from app.services import Services
from app.ui.rendering import render
from contracts.access.keys import Scope
from contracts.digests import sha256_of
from contracts.errors.access import Forbidden

KEY_COOKIE, VISIT_COOKIE = "handsoff_key", "handsoff_visit"
PATH = "/ui"
_PURPOSE = "csrf"


@dataclass(frozen=True)
class Visit:
    """One request for a page, and who sends it."""

    exchange: Exchange
    token: str

    @property
    def services(self) -> Services:
        return self.exchange.services

    @property
    def tenant(self) -> str:
        return self.exchange.tenant

    @property
    def links(self) -> Links:
        return self.exchange.links

    @property
    def is_keyed(self) -> bool:
        """Whether the service uses API keys, so that a visitor can sign out."""
        return uses_keys(self.exchange.request)

    @property
    def may_write(self) -> bool:
        """Whether the visitor's key permits what forms send."""
        return self.services.tenants.permits("write")

    def page(self, template: str, status: int = 200, **context: Any) -> Response:  # noqa: ANN401
        """Return a page, or a part of one."""
        text = render(template, visit=self, path=self.exchange.request.url.path, **context)
        return Response(text, status, media_type="text/html")


def services_of(request: Request) -> Services:
    """Return the services of the app."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def uses_keys(request: Request) -> bool:
    """Return whether callers of the service have API keys."""
    return services_of(request).settings.auth == "keys"


def open_visit(request: Request, tenant: str = "") -> Visit:
    """Return the visit of a request whose sender is `tenant`, or not known yet."""
    services = services_of(request)
    settings = services.settings
    base_url = (settings.public_url or str(request.base_url)).rstrip("/")
    links = Links(base_url, services.store, services.secret, settings.link_ttl)
    exchange = Exchange(request, Response(), services, tenant, links)
    return Visit(exchange, token=signature(services.secret, _PURPOSE, _session(request)))


def identify(request: Request, scope: Scope) -> str:
    """Return the tenant of the visitor. Raises `Unauthorized` or `Forbidden`, like the API."""
    services, key = services_of(request), request.cookies.get(KEY_COOKIE)
    headers = request.headers
    if key is not None and uses_keys(request):
        headers = Headers({**headers, "authorization": f"Bearer {key}"})
    tenant = services.tenants.identify(headers, scope)
    services.tenants.check(tenant)
    return tenant


async def _visit(request: Request) -> Visit:
    return open_visit(request, identify(request, "read" if request.method == "GET" else "write"))


VisitDep = Annotated[Visit, Depends(_visit)]


def check_token(request: Request, token: object) -> None:
    """Raise `Forbidden` unless a form has the token of this visit."""
    services = services_of(request)
    if not isinstance(token, str) or not is_signed(
        services.secret, _PURPOSE, _session(request), token
    ):
        raise Forbidden("The form has expired. Open its page again, and send it once more.")


def keep_cookies(request: Request, response: Response) -> None:
    """Set the random cookie of a new visitor, which forms depend on."""
    new = getattr(request.state, "new_visit", None)
    if new is not None:
        set_cookie(request, response, VISIT_COOKIE, new)


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie until the browser is closed: unreadable for scripts, and never sent from another site."""
    public_url = services_of(request).settings.public_url or ""
    is_secure = "https" in (request.url.scheme, public_url.partition(":")[0])
    response.set_cookie(name, value, path=PATH, secure=is_secure, httponly=True, samesite="strict")


def _session(request: Request) -> str:
    """Return what a token is valid for: the random cookie, and the key."""
    visit = request.cookies.get(VISIT_COOKIE) or getattr(request.state, "new_visit", None)
    if visit is None:
        visit = request.state.new_visit = secrets.token_hex(16)
    return f"{visit}\n{sha256_of(request.cookies.get(KEY_COOKIE, '').encode())}"
