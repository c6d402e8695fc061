"""An API key: its stored records, its text, and the state that follows from them.

The text is `hk_PREFIX_SECRET`. The prefix is public. The secret has 256 random bits and is shown once; the store has
its SHA-256. A slow hash protects passwords, which can be guessed. A random secret of 256 bits cannot, and a slow hash
would cost every request its time.
"""

import hashlib
import secrets
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp
from contracts.ids import KeyId, TenantId

Scope = Literal["read", "write", "admin", "operator"]
"""What a key permits: GET and HEAD, other methods, keys and log of its tenant, all tenants. None includes another."""

ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Those of a tenant. `operator` is for the operator of the service, so a key has it only on request."""

KeyName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Scopes = Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(ALL_SCOPES))]
KeyState = Literal["active", "expired", "revoked"]

MARK = "hk_"
"""The beginning of every key, which no token (JWT) has."""

_PREFIX_BYTES, _SECRET_BYTES = 6, 32


class ApiKey(Model):
    """`key.json`: the key. It never changes."""

    tenant: TenantId
    id: KeyId
    name: KeyName
    scopes: Scopes
    created_at: Timestamp
    expires_at: Timestamp | None = None


class KeySecret(Model):
    """`secrets/{number}-{uuid}.json`: one secret of a key. It never changes.

    A rotation adds a secret. `others_until` is the time until which the earlier ones stay valid.
    """

    prefix: str
    sha256: Sha256
    created_at: Timestamp
    others_until: Timestamp | None = None


class KeyRevocation(Model):
    """`revocation.json`: the key is never valid again."""

    revoked_at: Timestamp


class KeyUse(Model):
    """The last use of a key, accurate to some minutes."""

    used_at: Timestamp


class StoredKey(Model):
    """All records of a key. `secrets` are in the order of their creation; the last one is the newest."""

    key: ApiKey
    secrets: tuple[KeySecret, ...]
    is_revoked: bool

    @property
    def prefix(self) -> str:
        """The public beginning of the newest secret; empty if no secret can be read."""
        return self.secrets[-1].prefix if self.secrets else ""

    def state(self, at: datetime) -> KeyState:
        """Return the state of the key at a time."""
        if self.is_revoked:
            return "revoked"
        ends_at = self.key.expires_at
        return "expired" if ends_at is not None and ends_at <= at else "active"

    def valid_until(self, secret: KeySecret) -> datetime | None:
        """Return when the key or a later rotation ends a secret; None for no end."""
        later = self.secrets[self.secrets.index(secret) + 1 :]
        ends = [self.key.expires_at, *(each.others_until for each in later)]
        return min((end for end in ends if end is not None), default=None)


def new_text() -> str:
    """Return the text of a new key."""
    return f"{MARK}{secrets.token_hex(_PREFIX_BYTES)}_{secrets.token_hex(_SECRET_BYTES)}"


def prefix_of_text(text: str) -> str:
    """Return the public part of a key's text, such as `hk_1f3870be274f`."""
    return text.rpartition("_")[0]


def digest_of_text(text: str) -> str:
    """Return the SHA-256 of a key's text, which the store has."""
    return hashlib.sha256(text.encode()).hexdigest()
