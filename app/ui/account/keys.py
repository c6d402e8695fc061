"""The API keys of the visitor's tenant, for administrators: list, create, rotate and revoke.

The text of a new key is in the answer to its form alone, which no browser keeps.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError

from app.http.json_bodies import validated
from app.keys import service
from app.keys.schemas import KeyCreate, KeyRotate, KeyView, show_key, show_new_key
from app.ui.forms import FieldsDep, FieldValues, FormState, failed
from app.ui.jobs import PAGE_SIZE, AfterQuery
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, identify, open_visit
from contracts.access.keys import SCOPES
from contracts.base import now
from contracts.errors.tree import HandsOffError, NotFound

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LIFETIMES = {"": "No end", "30": "30 days", "90": "90 days", "365": "A year"}
GRACES = {"0": "At once", "3600": "An hour", "86400": "A day", "604800": "A week"}


async def _admin(request: Request) -> Visit:
    """Return the visit of an administrator. Raises `Forbidden` without the scope, or without API keys."""
    visit = open_visit(request, identify(request, "admin"))
    service.check_in_use(visit.services)
    return visit


AdminDep = Annotated[Visit, Depends(_admin)]


@router.get("/ui/keys", name="ui_list_keys")
def list_keys(visit: AdminDep, after: AfterQuery = None) -> Response:
    """List the keys, newest first, and show the form of a new one."""
    return _page(visit, FormState(values={"read": "true", "write": "true"}), after=after)


@router.post("/ui/keys", name="ui_create_key")
def create(visit: AdminDep, fields: FieldsDep) -> Response:
    """Create a key, and show its text once."""
    try:
        body = validated(KeyCreate, _body(fields))
        stored, text = service.create(visit.services, visit.tenant, body)
    except (HandsOffError, RequestValidationError) as error:
        state, status = failed(fields, error)
        return _page(visit, state, status)
    new = show_new_key(stored, text, visit.links, now())
    return visit.page("account/new_key.html", key=new, is_new=True)


@router.get("/ui/keys/{key_id}/rotate", name="ui_ask_rotate_key")
def ask_rotate(key_id: str, visit: AdminDep) -> Response:
    """Ask how long the earlier secrets stay valid."""
    return visit.page("account/rotate_key.html", key=_find(visit, key_id), graces=GRACES)


@router.post("/ui/keys/{key_id}/rotate", name="ui_rotate_key")
def rotate(key_id: str, visit: AdminDep, fields: FieldsDep) -> Response:
    """Give a key a new secret, and show it once."""
    view = _find(visit, key_id)
    if "operator" in view.scopes:  # a secret must not permit what the visitor itself may not
        identify(visit.exchange.request, "operator")
    grace = validated(KeyRotate, {"grace_seconds": int(fields.get("grace", "")[:9] or 0)})
    stored, text = service.rotate(
        visit.services, visit.tenant, view.id, timedelta(seconds=grace.grace_seconds)
    )
    new = show_new_key(stored, text, visit.links, now())
    return visit.page("account/new_key.html", key=new, is_new=False)


@router.get("/ui/keys/{key_id}/revoke", name="ui_ask_revoke_key")
def ask_revoke(key_id: str, visit: AdminDep) -> Response:
    """Ask before a key is ended for good."""
    return visit.page("account/revoke_key.html", key=_find(visit, key_id))


@router.post("/ui/keys/{key_id}/revoke", name="ui_revoke_key")
def revoke(key_id: str, visit: AdminDep, _: FieldsDep) -> Response:
    """End a key for good."""
    service.revoke(visit.services, visit.tenant, _find(visit, key_id).id)
    return see("/ui/keys")


def _find(visit: Visit, key_id: str) -> KeyView:
    """Return a key of the visitor's tenant. Raises `NotFound`."""
    if not key_id.startswith("key_") or not key_id[4:].isalnum():
        raise NotFound("key", key_id[:80])
    stored = service.find(visit.services, visit.tenant, key_id)
    return show_key(stored, service.last_use(visit.services, stored), visit.links, now())


def _page(
    visit: Visit, form: FormState, status: int = 200, *, after: str | None = None
) -> Response:
    page = service.list_page(
        visit.services,
        visit.tenant,
        limit=PAGE_SIZE,
        after=after or None,
        show=lambda key: show_key(key, service.last_use(visit.services, key), visit.links, now()),
    )
    return visit.page(
        "account/keys.html", status, page=page, form=form, scopes=SCOPES, lifetimes=LIFETIMES
    )


def _body(fields: FieldValues) -> dict[str, object]:
    """Return the body of the API: a scope for each checked box, and the end of the key as a time."""
    body: dict[str, object] = {
        "name": fields.get("name", "").strip(),
        "scopes": [scope for scope in SCOPES if fields.get(scope) == "true"],
    }
    days = fields.get("lifetime", "")
    if days in LIFETIMES and days:
        body["expires_at"] = (now() + timedelta(days=int(days))).isoformat()
    return body
