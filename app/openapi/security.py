"""Which API key each operation needs, for the OpenAPI document."""

from typing import Any

SCHEME = "apiKey"
SCHEMES = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, sent as `Authorization: Bearer KEY`. Each operation names the scope that it needs."
        " The operator may permit tokens (JWT) of an identity provider too."
        " A service without `HANDSOFF_AUTH=keys` needs no key.",
    }
}

OPEN = frozenset({"is_alive", "is_ready", "read_file", "put_content"})
"""Operations that need no key: health, and signed links, which have a signature instead."""


_SCOPES = {"keys": "admin", "audit": "admin", "tenants": "operator"}
"""The scope of operations with a tag that need another than `read` or `write`."""


def security_of(method: str, operation: dict[str, Any]) -> list[dict[str, list[str]]]:
    """Return the alternatives of an operation: a key with the scope, or none where the service uses no keys."""
    if operation["operationId"] in OPEN:
        return []
    scope = next((_SCOPES[tag] for tag in operation["tags"] if tag in _SCOPES), None)
    if scope is not None:
        return [{SCHEME: [scope]}]
    return [{SCHEME: ["read" if method == "get" else "write"]}, {}]
