"""Sign in with an API key, and sign out. The key stays in a cookie that scripts cannot read."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response

from app.services import Services
from app.ui.forms import TOKEN
from app.ui.routing import PageRoute, see
from app.ui.visits import (
    KEY_COOKIE,
    PATH,
    check_token,
    open_visit,
    services_of,
    set_cookie,
    uses_keys,
)
from contracts.access.keys import MARK
from contracts.errors.access import Forbidden, Unauthorized

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HOME = "/ui"


@router.get("/ui/sign-in", name="ui_sign_in")
def show_form(request: Request, target: Annotated[str, Query(alias="next")] = HOME) -> Response:
    """Ask for an API key."""
    if not uses_keys(request):
        return see(HOME)
    return open_visit(request).page("account/sign_in.html", error="", next=_own(target))


@router.post("/ui/sign-in", name="ui_send_key")
async def sign_in(request: Request) -> Response:
    """Check a key, and keep it until the browser is closed."""
    async with request.form(max_files=0, max_fields=5) as form:
        fields = {name: str(value) for name, value in form.items()}
    check_token(request, fields.get(TOKEN))
    key, target = fields.get("key", "").strip(), _own(fields.get("next", HOME))
    services = services_of(request)
    try:
        _check_is_key(services, key)
        services.tenants.identify({"Authorization": f"Bearer {key}"}, "read")
    except (Unauthorized, Forbidden) as error:
        detail = error.detail if key else "Enter an API key."
        page = open_visit(request).page(
            "account/sign_in.html", error.status, error=detail, next=target
        )
        page.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return page
    response = see(target)
    set_cookie(request, response, KEY_COOKIE, key)
    return response


@router.post("/ui/sign-out", name="ui_sign_out")
async def sign_out(request: Request) -> Response:
    """Forget the key of this browser. The key itself stays valid."""
    async with request.form(max_files=0, max_fields=5) as form:
        check_token(request, form.get(TOKEN))
    response = see("/ui/sign-in")
    response.delete_cookie(KEY_COOKIE, path=PATH, httponly=True, samesite="strict")
    return response


def _check_is_key(services: Services, text: str) -> None:
    """Raise `Unauthorized` for a token of an identity provider: it ends soon, and may be too long for a cookie."""
    if services.tokens is not None and not text.startswith(MARK):
        raise Unauthorized(
            f"Expected an API key, which begins with '{MARK}'. The page takes no tokens."
        )


def _own(target: str) -> str:
    """Return an address of this page, or the first page for any other address."""
    parts = urlsplit(target)
    is_own = not parts.scheme and not parts.netloc and "\\" not in target
    return target if is_own and (parts.path == HOME or parts.path.startswith(f"{HOME}/")) else HOME
