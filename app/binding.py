"""Which addresses the app may listen on: without API keys loopback only, unless the operator trusts the network."""

import ipaddress

from state.settings import Settings


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_bind(settings: Settings) -> bool:
    """Return whether the host is loopback, callers need API keys, or the operator trusts the network."""
    return settings.auth == "keys" or settings.trust_network or is_loopback(settings.host)
