"""Creates, rotates, revokes and reads API keys in the store.

Every record is written once: what two processes do at the same moment to one key cannot undo each other, so a
revocation is never lost.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from contracts.access.keys import (
    ApiKey,
    KeyRevocation,
    KeySecret,
    KeyUse,
    Scope,
    StoredKey,
    digest_of_text,
    new_text,
    prefix_of_text,
)
from contracts.base import Model, now
from contracts.ids import new_id, uuid7_hex
from state import records
from state.access import paths
from state.store import Store


def create(
    store: Store,
    tenant: str,
    *,
    name: str,
    scopes: tuple[Scope, ...],
    expires_at: datetime | None = None,
) -> tuple[StoredKey, str]:
    """Store a new key. Returns it and its text, which cannot be read again."""
    key = ApiKey(
        tenant=tenant,
        id=new_id("key"),
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        created_at=now(),
        expires_at=expires_at,
    )
    secret, text = _add_secret(store, key.id, 0, others_until=None)
    records.write(store, paths.key(key.id), key)
    return StoredKey(key=key, secrets=(secret,), is_revoked=False), text


def rotate(store: Store, stored: StoredKey, grace: timedelta) -> tuple[StoredKey, str]:
    """Add a secret to a key; the earlier ones stay valid for `grace`. Returns the key and its new text."""
    number = len(stored.secrets)
    secret, text = _add_secret(store, stored.key.id, number, others_until=now() + grace)
    return stored.model_copy(update={"secrets": (*stored.secrets, secret)}), text


def revoke(store: Store, key_id: str) -> KeyRevocation:
    """End a key for good. Returns the revocation; the first one stays."""
    revocation = KeyRevocation(revoked_at=now())
    return records.create(store, paths.revocation(key_id), revocation)


def read_revocation(store: Store, key_id: str) -> KeyRevocation | None:
    """Return the revocation of a key, or None when it has none that can be read."""
    return records.read_intact(store, paths.revocation(key_id), KeyRevocation)


def record_use(store: Store, key_id: str, use: KeyUse) -> None:
    """Store the last use of a key. Several processes write it, and the last write stays."""
    records.write(store, paths.use(key_id), use)


def read_use(store: Store, key_id: str) -> KeyUse | None:
    """Return the last use of a key, or None when it was never used."""
    return records.read_intact(store, paths.use(key_id), KeyUse)


def _add_secret(
    store: Store, key_id: str, number: int, others_until: datetime | None
) -> tuple[KeySecret, str]:
    text = new_text()
    secret = KeySecret(
        prefix=prefix_of_text(text),
        sha256=digest_of_text(text),
        created_at=now(),
        others_until=others_until,
    )
    records.write(store, paths.secret(key_id, number, uuid7_hex()), secret)
    return secret, text


class KeyReader:
    """Reads all keys. It remembers the records, which never change: a later read is one listing, if nothing is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Model | None] = {}

    def read(self) -> dict[str, StoredKey]:
        """Return all keys by id, oldest first. A damaged key is left out, so it is not valid."""
        listed = sorted(info.key for info in self._store.list(paths.KEYS))
        self._known = {each: self._record(each) for each in listed}
        by_key: defaultdict[str, dict[str, Model | None]] = defaultdict(dict)
        for each, record in self._known.items():
            key_id, name = paths.id_and_name(each)
            by_key[key_id][name] = record
        found = {key_id: _stored_key(named) for key_id, named in sorted(by_key.items())}
        return {key_id: stored for key_id, stored in found.items() if stored is not None}

    def _record(self, object_key: str) -> Model | None:
        """Return a record, from memory if possible; None for a revocation, whose name says all, or a damaged one."""
        known = self._known.get(object_key)
        name = paths.id_and_name(object_key)[1]
        if known is not None or name == paths.REVOCATION:
            return known
        model = ApiKey if name == paths.KEY else KeySecret
        return records.read_intact(self._store, object_key, model)


def _stored_key(named: dict[str, Model | None]) -> StoredKey | None:
    key = named.get(paths.KEY)
    if not isinstance(key, ApiKey):
        return None
    secrets = tuple(each for each in named.values() if isinstance(each, KeySecret))
    return StoredKey(key=key, secrets=secrets, is_revoked=paths.REVOCATION in named)
