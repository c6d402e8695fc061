"""The parts of tenants in the workers: weights, and limits of what each may have in RQ at the same time.

They are facts of the store (`state/access/tenant_records.py`). The scripts read this copy in Redis. The app writes it
after a change, and the reconciler with each round, so a lost Redis has it again soon.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from redis.typing import EncodableT, FieldT

from state import redis_keys
from state.ledger import Ledger


@dataclass(frozen=True)
class Part:
    """A tenant's part of each queue: its weight beside other tenants, and limits of its entries in RQ.

    `most_seconds` limits their predicted device time, `most_jobs` the number of their jobs. One entry is always
    admitted.
    """

    weight: float = 1.0
    most_seconds: float | None = None
    most_jobs: int | None = None

    def __str__(self) -> str:
        limits = (self.most_seconds, self.most_jobs)
        return " ".join(["-" if one is None else str(one) for one in (self.weight, *limits)])


def publish(ledger: Ledger, parts: Mapping[str, Part]) -> None:
    """Replace the parts of all tenants. Raises `redis.RedisError`."""
    rows = {tenant: str(part) for tenant, part in parts.items() if part != Part()}
    with ledger.redis.pipeline(transaction=True) as pipeline:
        pipeline.delete(redis_keys.TENANT_PARTS)
        if rows:
            pipeline.hset(redis_keys.TENANT_PARTS, mapping=cast("dict[FieldT, EncodableT]", rows))
        pipeline.execute()


def publish_one(ledger: Ledger, tenant: str, part: Part) -> None:
    """Replace the part of one tenant. Raises `redis.RedisError`."""
    ledger.redis.hset(redis_keys.TENANT_PARTS, tenant, str(part))
