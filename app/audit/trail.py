"""Makes an audit entry of each request that changed something or used a right of administrators."""

import re
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import CALLER, Caller
from app.services import Services
from contracts.access.audit import AuditEntry
from contracts.base import now

ADMIN_PATHS = ("/v1/keys", "/v1/tenants", "/v1/audit", "/ui/keys")
"""Paths whose reading is noted too."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ID = re.compile(r"/(?:v1|ui)/[a-z]+/([A-Za-z0-9_-]{1,100})(?:$|[/?])")
_MAX = 300


class AuditTrail:
    """ASGI middleware. It knows the caller of requests with a valid API key or token, and notes no others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        CALLER.set(None)

        async def send_and_note(message: Message) -> None:
            caller = CALLER.get()
            is_start = message["type"] == "http.response.start"
            if is_start and caller is not None and _counts(scope, message["status"]):
                services: Services = scope["app"].state.services
                services.audit.add(_entry(scope, caller, message))
            await send(message)

        await self.app(scope, receive, send_and_note)


def _counts(scope: Scope, status: int) -> bool:
    """Return whether a request is noted. Those beyond a limit are not: they would be too many, and changed nothing."""
    is_change = scope["method"] not in _SAFE
    is_refused = status == HTTPStatus.TOO_MANY_REQUESTS
    return (is_change or scope["path"].startswith(ADMIN_PATHS)) and not is_refused


def _entry(scope: Scope, caller: Caller, message: Message) -> AuditEntry:
    client = scope.get("client")
    name = getattr(scope.get("route"), "name", f"{scope['method']} {scope['path']}")
    return AuditEntry(
        at=now(),
        tenant=caller.tenant,
        key=caller.id,
        operation=str(name)[:_MAX],
        resource=_resource(scope, message),
        status=int(message["status"]),
        address=str(client[0])[:_MAX] if client else None,
        request_id=scope["state"]["request_id"],
    )


def _resource(scope: Scope, message: Message) -> str | None:
    """Return the id that was created, else the one in the path."""
    location = Headers(raw=message.get("headers", [])).get("Location", "")
    made = re.search(_ID, location)
    if made:
        return made[1]
    named = re.search(_ID, scope["path"])
    return named[1] if named else None
