"""Refuses requests that a foreign web page makes a browser send, by their `Host` and `Origin` headers.

A page that rebinds its name to this address (DNS rebinding) sends its own name as `Host`. A page of another site that
posts here sends its own `Origin`. Other clients than browsers send neither a foreign `Host` nor an `Origin`.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import respond
from app.messages import quoted
from contracts.errors.foreign import ForeignHost, ForeignOrigin
from contracts.errors.tree import HandsOffError
from state.settings import Settings

ANY = "*"
_ALWAYS_OPEN = frozenset({"/livez", "/readyz", "/metrics"})
"""Health probes use the container's address, and these responses contain no user data."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DEFAULT_PORTS = {"http": 80, "https": 443}

Authority = tuple[str, int | None]
"""A host in lower case and its port, None for the default port of the scheme."""


class Hosts:
    """ASGI middleware: 421 for a foreign `Host`, 403 for a change requested by a foreign page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._hosts = allowed_hosts(settings)
        self._public = _authority_of_url(settings.public_url or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await respond(Request(scope), refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> HandsOffError | None:
        if scope["path"] in _ALWAYS_OPEN:
            return None
        headers = Headers(scope=scope)
        names = headers.getlist("Host")
        # Two Host headers are ambiguous: a proxy may have checked the other one.
        host = _authority(names[0], "") if len(names) == 1 else None
        if host is None or not self._is_allowed(host[0]):
            return ForeignHost(quoted(", ".join(names)) if names else "none")
        if scope["method"] in _SAFE_METHODS:
            return None
        return self._check_origin(headers, host)

    def _is_allowed(self, name: str) -> bool:
        return ANY in self._hosts or name in self._hosts or _is_loopback(name)

    def _check_origin(self, headers: Headers, host: Authority) -> HandsOffError | None:
        origins = headers.getlist("Origin")
        # The Host header is trusted here, because `_refusal` has checked it.
        own = {(host[0], port) for port in _same_ports(host[1])}
        if self._public is not None:
            own.add(self._public)
        if any(_authority_of_url(origin) not in own for origin in origins):
            return ForeignOrigin(f"Origin {quoted(', '.join(origins))}")
        # Browsers send it even if a request has no Origin.
        if headers.get("Sec-Fetch-Site", "").strip().lower() == "cross-site":
            return ForeignOrigin('Sec-Fetch-Site "cross-site"')
        return None


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Return the host names that requests may use besides the loopback names."""
    listed: Iterable[str] = (settings.allowed_hosts or "").split(",")
    parsed = [_authority(name.strip(), "") for name in (*listed, settings.host) if name.strip()]
    public = _authority_of_url(settings.public_url or "")
    return frozenset(one[0] for one in (*parsed, public) if one is not None)


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _authority(text: str, scheme: str) -> Authority | None:
    """Parse `host:port`; return None for invalid text. A trailing dot of the name is ignored."""
    try:
        parts = urlsplit(f"//{text}")
        name, port = parts.hostname or "", parts.port
        if ":" in name:
            name = f"[{ipaddress.ip_address(name).compressed}]"
    except ValueError:
        return None
    # `urlsplit` accepts more than a Host header may have.
    if not name or parts.path or parts.query or parts.fragment or "@" in text or "\\" in text:
        return None
    return name.removesuffix("."), None if port == _DEFAULT_PORTS.get(scheme) else port


def _authority_of_url(url: str) -> Authority | None:
    """Return the authority of an origin or another URL; None for `null` and URLs without one."""
    scheme, mark, rest = url.strip().lower().partition("://")
    if not mark or scheme not in _DEFAULT_PORTS:
        return None
    return _authority(rest.partition("/")[0], scheme)


def _same_ports(port: int | None) -> set[int | None]:
    """Return the spellings of a port in an origin: browsers omit the default port of either scheme."""
    return {port, None} if port in _DEFAULT_PORTS.values() else {port}
