"""Requests and responses of `/v1/keys`."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from app.http.links import Links
from contracts.access.keys import KeyName, KeyState, KeyUse, Scopes, StoredKey
from contracts.base import Model, Timestamp

_MAX_GRACE = timedelta(days=30)

_NAME = Field(description="A name for people.", examples=["training cluster"])
_SCOPES = Field(
    description="What the key permits: `read` (GET and HEAD), `write` (all other methods), `admin` (`/v1/keys`,"
    " `/v1/audit`), `operator` (`/v1/tenants`). None includes another.",
    examples=[["read", "write"]],
)
_EXPIRES = Field(
    description="When the key ends. Null: it has no end.", examples=["2027-01-31T12:00:00Z"]
)
_PREFIX = Field(
    description="The public beginning of the newest secret, to recognise it.",
    examples=["hk_1f3870be274f"],
)


class KeyCreate(Model):
    """A new key of the caller's tenant."""

    name: Annotated[KeyName, _NAME]
    scopes: Annotated[Scopes, _SCOPES]
    expires_at: Annotated[Timestamp | None, _EXPIRES] = None


class KeyRotate(Model):
    """The options of a rotation."""

    grace_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=int(_MAX_GRACE.total_seconds()),
            description="How long the earlier secrets stay valid, in seconds.",
            examples=[3600],
        ),
    ] = 86_400


class KeyView(Model):
    """One API key, without its secret."""

    id: str
    tenant: Annotated[
        str, Field(description="The tenant whose resources the key opens.", examples=["default"])
    ]
    name: Annotated[str, _NAME]
    scopes: Annotated[Scopes, _SCOPES]
    status: Annotated[
        KeyState,
        Field(
            description="`active`, or why the key is not valid any more: `expired` or `revoked`.",
            examples=["active"],
        ),
    ]
    prefix: Annotated[str, _PREFIX]
    created_at: Timestamp
    rotated_at: Annotated[
        Timestamp | None,
        Field(description="When the newest secret was made.", examples=["2026-01-31T12:00:00Z"]),
    ] = None
    expires_at: Annotated[Timestamp | None, _EXPIRES] = None
    last_used_at: Annotated[
        Timestamp | None,
        Field(
            description="The last request with the key, accurate to some minutes. Null: none so far.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = None
    links: dict[str, str]


class NewKeyView(KeyView):
    """An API key with its new secret."""

    secret: Annotated[
        str,
        Field(
            description="Send it as `Authorization: Bearer SECRET`. It is shown only once.",
            examples=[f"hk_1f3870be274f_{'0123456789abcdef' * 4}"],
        ),
    ]


def show_key(stored: StoredKey, use: KeyUse | None, links: Links, at: datetime) -> KeyView:
    """Return a key as the API shows it."""
    key = stored.key
    return KeyView(
        id=key.id,
        tenant=key.tenant,
        name=key.name,
        scopes=key.scopes,
        status=stored.state(at),
        prefix=stored.prefix,
        created_at=key.created_at,
        rotated_at=stored.secrets[-1].created_at if len(stored.secrets) > 1 else None,
        expires_at=key.expires_at,
        last_used_at=use.used_at if use else None,
        links={
            "self": links.resource("keys", key.id),
            "rotate": links.resource("keys", key.id, "rotate"),
        },
    )


def show_new_key(stored: StoredKey, text: str, links: Links, at: datetime) -> NewKeyView:
    """Return a key with its new secret."""
    return NewKeyView(secret=text, **show_key(stored, None, links, at).model_dump())
