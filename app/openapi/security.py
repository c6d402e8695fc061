"""Which API key each operation needs, for the OpenAPI document."""

from typing import Any

SCHEME = "apiKey"
SCHEMES = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, sent as `Authorization: Bearer KEY`. Each operation names the scope that it needs."
        " A service without `HANDSOFF_AUTH=keys` needs no key.",
    }
}

OPEN = frozenset({"is_alive", "is_ready", "read_file", "put_content"})
"""Operations that need no key: health, and signed links, which have a signature instead."""


def security_of(method: str, operation: dict[str, Any]) -> list[dict[str, list[str]]]:
    """Return the alternatives of an operation: a key with the scope, or none where the service uses no keys."""
    if operation["operationId"] in OPEN:
        return []
    if "keys" in operation["tags"]:
        return [{SCHEME: ["admin"]}]
    return [{SCHEME: ["read" if method == "get" else "write"]}, {}]
