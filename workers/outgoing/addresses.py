"""The address that a webhook is sent to: resolved once, public unless the operator allows its network.

Callers choose the URL. Without this check they could reach services inside the operator's network (SSRF), also through
a name whose address changes after a check (DNS rebinding). So the connection goes to the checked address itself.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_TRANSLATED = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 addresses that lead to an IPv4 address inside them."""
MAX_URL = 2_000


class RefusedAddress(Exception):
    """The URL leads to no address that may be used. The message says why."""


@dataclass(frozen=True)
class Target:
    """A checked URL: scheme, host as in the URL, port, path with query, and the address to connect to."""

    is_secure: bool
    host: str
    port: int
    path: str
    address: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"


def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises `OSError` without one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def networks_of(text: str | None) -> tuple[Network, ...]:
    """Return the networks in a setting, separated by commas. Raises `ValueError`."""
    return tuple(ip_network(part.strip()) for part in (text or "").split(",") if part.strip())


def target_of(url: str, allowed: Sequence[Network], resolve: Resolve = resolve_name) -> Target:
    """Return the target of a URL. Raises `RefusedAddress`, and `OSError` for a name without addresses.

    Every address of the name must be public or in an allowed network: a name with both kinds is refused. Plain HTTP is
    for allowed networks only.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise RefusedAddress("the port is no number up to 65535") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise RefusedAddress("expected https://HOST/PATH without a user name")
    found = [_address(text) for text in resolve(parts.hostname, port)]
    if not found:
        raise RefusedAddress(f"{parts.hostname} has no address")
    for address in found:
        is_allowed = any(address in network for network in allowed)
        if not is_allowed and (not _is_public(address) or parts.scheme == "http"):
            what = "is not public" if not _is_public(address) else "needs https"
            raise RefusedAddress(f"the address of {parts.hostname} {what}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", parts.hostname, port, path, str(found[0]))


def _address(text: str) -> Address:
    """Return an address; of an IPv4 address inside IPv6 (::ffff:10.0.0.1) the IPv4 one."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    is_translated = any(address in network for network in _TRANSLATED)
    return address.is_global and not address.is_multicast and not is_translated
