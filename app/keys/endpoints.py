"""`/v1/keys`: the API keys of the caller's tenant. Every operation needs a key with the scope `admin`."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.http.paging import Page
from app.http.requests import LinksDep, PageQuery, ServicesDep, identify, next_link
from app.http.validation import ValidateOnly, validation
from app.keys import service
from app.keys.administrators import AdminDep, AdminRoute
from app.keys.schemas import KeyCreate, KeyRotate, KeyView, NewKeyView, show_key, show_new_key
from app.services import Services
from contracts.access.keys import Scopes
from contracts.base import now
from contracts.ids import KeyId

router = APIRouter(route_class=AdminRoute, prefix="/v1/keys", tags=["keys"])


def _check_scopes(request: Request, services: Services, scopes: Scopes) -> None:
    """Raise `Forbidden` if a secret would permit what the caller itself may not: to operate the service."""
    if "operator" in scopes:
        identify(request, services, "operator")


@router.post("", status_code=HTTPStatus.CREATED, response_model=NewKeyView)
def issue_key(
    *,
    body: KeyCreate,
    tenant: AdminDep,
    services: ServicesDep,
    links: LinksDep,
    request: Request,
    response: Response,
    validate_only: ValidateOnly = False,
) -> NewKeyView | Response:
    """Create a key for the caller's tenant. Its secret is shown only in this answer.

    There is no `Idempotency-Key`: a repeated answer could not show the secret again.
    """
    _check_scopes(request, services, body.scopes)
    if validate_only:
        service.check(body)
        return validation(body)
    view = show_new_key(*service.create(services, tenant, body), links, now())
    response.headers["Location"] = view.links["self"]
    return view


@router.get("")
def list_keys(
    *,
    tenant: AdminDep,
    services: ServicesDep,
    links: LinksDep,
    query: Annotated[PageQuery, Query()],
    request: Request,
    response: Response,
) -> Page[KeyView]:
    """List the keys of the caller's tenant, newest first, without their secrets."""
    page = service.list_page(
        services,
        tenant,
        limit=query.limit,
        after=query.after,
        show=lambda key: show_key(key, service.last_use(services, key), links, now()),
    )
    return next_link(request, response, page)


@router.get("/{key_id}")
def get_key(key_id: KeyId, tenant: AdminDep, services: ServicesDep, links: LinksDep) -> KeyView:
    """Return one key, without its secret."""
    stored = service.find(services, tenant, key_id)
    return show_key(stored, service.last_use(services, stored), links, now())


@router.delete("/{key_id}", status_code=HTTPStatus.NO_CONTENT)
def revoke_key(key_id: KeyId, tenant: AdminDep, services: ServicesDep) -> None:
    """Revoke a key: within five seconds no process accepts it. Its record stays in the list."""
    service.revoke(services, tenant, key_id)


@router.post("/{key_id}/rotate")
def rotate_key(
    *,
    key_id: KeyId,
    body: KeyRotate | None = None,
    tenant: AdminDep,
    services: ServicesDep,
    links: LinksDep,
    request: Request,
) -> NewKeyView:
    """Give a key a new secret. The earlier ones stay valid for `grace_seconds`, a day by default."""
    _check_scopes(request, services, service.find(services, tenant, key_id).key.scopes)
    grace = timedelta(seconds=(body or KeyRotate()).grace_seconds)
    return show_new_key(*service.rotate(services, tenant, key_id, grace), links, now())
