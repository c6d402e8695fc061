"""The service's address as a person gives it, turned into the base URL that requests are sent to."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from handsoff_shards.errors import InvalidInput

EXAMPLE = "http://127.0.0.1:8000"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_API = re.compile(r"/+(v1|docs|redoc|openapi\.json)(/.*)?$")
"""What a person copies along with the address: the API's prefix, or a page of the service."""


def service_url(text: str) -> str:
    """Return the base URL for an address: `127.0.0.1:8000`, `http://127.0.0.1:8000/v1/` and the like are accepted.

    A missing scheme is `http`. Raises `InvalidInput` when the text is no address of a service.
    """
    found = text.strip()
    if not _SCHEME.match(found):
        found = f"http://{found}"
    parts = _split(found, text)
    path = _API.sub("", parts.path).rstrip("/")
    return f"{parts.scheme.lower()}://{parts.netloc}{path}"


def is_loopback(url: str) -> bool:
    """Return True when the address is on this machine, so that no proxy is asked for it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(found: str, text: str) -> SplitResult:
    """The parts of a URL. Raises `InvalidInput` for what cannot be the address of a service."""
    try:
        parts = urlsplit(found)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise InvalidInput(f"{_expected(text)} ({error}).") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise InvalidInput(f"{_expected(text)}. Only http and https are supported.")
    if not host or port == 0 or not re.fullmatch(r"[\w.:%-]+", host):
        raise InvalidInput(f"{_expected(text)}. Check host and port.")
    if parts.query or parts.fragment:
        raise InvalidInput(f"{_expected(text)}. Leave out what follows '?' or '#'.")
    return parts


def _expected(text: str) -> str:
    shown = f"{text[:100]!a}"
    return f"Expected the service's address, such as {EXAMPLE}, got {shown}"
