"""Turn the service's address as a user writes it into the base URL of requests."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from handsoff_shards.errors import InvalidInput

EXAMPLE = "http://127.0.0.1:8000"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_API = re.compile(r"/+(v1|docs|redoc|openapi\.json)(/.*)?$")
"""A path that users often copy with the address: the prefix of the API, or a page of the service."""


def service_url(text: str) -> str:
    """Return the base URL of an address such as `127.0.0.1:8000` or `http://127.0.0.1:8000/v1/`.

    The default scheme is `http`. Raises `InvalidInput` for an invalid address.
    """
    url = text.strip()
    if not _SCHEME.match(url):
        url = f"http://{url}"
    parts = _split(url, text)
    path = _API.sub("", parts.path).rstrip("/")
    return f"{parts.scheme.lower()}://{parts.netloc}{path}"


def is_loopback(url: str) -> bool:
    """Return True when the address is on this machine. Proxies are not used for it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str, text: str) -> SplitResult:
    """Return the parts of a URL. Raises `InvalidInput` when it cannot be the address of a service."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise InvalidInput(f"{_expected(text)} ({error}).") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise InvalidInput(f"{_expected(text)}. Only http and https are supported.")
    if not host or port == 0 or not re.fullmatch(r"[\w.:%-]+", host):
        raise InvalidInput(f"{_expected(text)}. Check host and port.")
    if parts.query or parts.fragment:
        raise InvalidInput(f"{_expected(text)}. Remove the part after '?' or '#'.")
    return parts


def _expected(text: str) -> str:
    shown = f"{text[:100]!a}"
    return f"Expected the service's address, such as {EXAMPLE}, got {shown}"
