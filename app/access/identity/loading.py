"""Loads the check of tokens if an identity provider is configured. Otherwise its packages are not imported."""

from importlib import import_module
from typing import TYPE_CHECKING

from app.access.identity.provider import provider_of
from state.settings import Settings

if TYPE_CHECKING:
    from app.access.identity.tokens import Tokens


def tokens_of(settings: Settings) -> "Tokens | None":
    """Return the check of tokens, or None without a provider.

    Raises `SystemExit` for wrong settings, or when the packages are missing.
    """
    provider = provider_of(settings)
    if provider is None:
        return None
    try:
        module = import_module("app.access.identity.tokens")
    except ModuleNotFoundError as error:
        message = (
            f"Expected the packages for tokens, because HANDSOFF_OIDC_ISSUER is set; {error.name} is missing. Install"
            " the extra `oidc` (pip install -c constraints.txt --group oidc), or unset HANDSOFF_OIDC_ISSUER."
        )
        raise SystemExit(message) from None
    tokens: Tokens = module.Tokens(provider)
    return tokens
