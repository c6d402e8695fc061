"""Notes that a job is about to end, for the messages about it, and wakes the process that sends them.

The note is stored before the manifest. So no end is missed, whatever is killed.
"""

from contracts.jobs import JobRef
from state import redis_keys
from state.ledger import Ledger
from state.store import Store
from state.webhooks import paths

MAX_WOKEN = 10_000


def note_end(store: Store, ref: JobRef) -> bool:
    """Note that a job is about to end, if its tenant has endpoints. Returns whether it has."""
    if not store.children(paths.webhooks(ref.tenant)):
        return False
    store.put(paths.ended(ref), b"{}")
    return True


def wake(ledger: Ledger, tenant: str) -> None:
    """Wake the process that sends. Without Redis it finds the work within a minute. Raises `redis.RedisError`."""
    ledger.redis.rpush(redis_keys.WEBHOOKS, tenant)
    ledger.redis.ltrim(redis_keys.WEBHOOKS, -MAX_WOKEN, -1)
