"""The identity provider that an operator trusts, by settings: `provider_of`. Without them there is none.

An address must be https. For a provider on the same machine it may be http.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from app.binding import is_loopback
from state.settings import Settings


@dataclass(frozen=True)
class Provider:
    """An issuer of tokens, the audience that they must name, and the claims that are read."""

    issuer: str
    audience: str
    tenant_claim: str = "tenant"
    scopes_claim: str = "scope"
    leeway_seconds: float = 60.0

    @property
    def is_local(self) -> bool:
        """Whether the issuer is on this machine and speaks plain HTTP."""
        return urlsplit(self.issuer).scheme == "http"

    @property
    def configuration_url(self) -> str:
        """The address of its metadata (OpenID Connect Discovery 1.0, section 4)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def provider_of(settings: Settings) -> Provider | None:
    """Return the provider of the settings. Raises `SystemExit` for settings that do not fit together."""
    issuer, audience = settings.oidc_issuer, settings.oidc_audience
    if not issuer and not audience:
        return None
    if not issuer or not audience:
        found = "HANDSOFF_OIDC_ISSUER" if issuer else "HANDSOFF_OIDC_AUDIENCE"
        raise SystemExit(
            f"Expected HANDSOFF_OIDC_ISSUER and HANDSOFF_OIDC_AUDIENCE, got {found} alone. Set both, or neither."
        )
    if settings.auth != "keys":
        raise SystemExit(
            "Expected HANDSOFF_AUTH=keys with HANDSOFF_OIDC_ISSUER, got HANDSOFF_AUTH=none, where every caller may do"
            " everything. Set HANDSOFF_AUTH=keys, or unset HANDSOFF_OIDC_ISSUER."
        )
    if not is_allowed(issuer, may_be_local=True):
        raise SystemExit(
            f"Expected an https address without a query in HANDSOFF_OIDC_ISSUER, got {issuer!r}. Plain http is for"
            " loopback addresses only. Correct the setting."
        )
    return Provider(
        issuer=issuer,
        audience=audience,
        tenant_claim=settings.oidc_tenant_claim,
        scopes_claim=settings.oidc_scopes_claim,
        leeway_seconds=settings.oidc_leeway.total_seconds(),
    )


def is_allowed(url: str, *, may_be_local: bool) -> bool:
    """Return whether keys may be read from an address: https, or http on this machine if that is allowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (
        may_be_local and parts.scheme == "http" and is_loopback(host)
    )
