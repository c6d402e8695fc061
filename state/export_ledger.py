"""What Redis knows of exports: which are being made, and which could not be made.

Nothing in it is a fact: losing it costs a second archive of the same bytes. Every method may raise `redis.RedisError`.
"""

from typing import cast

from contracts.base import now
from contracts.exports import ExportRef
from contracts.jobs import JobError
from contracts.kinds import RETENTION
from contracts.streams import Claim
from state import redis_keys
from state.ledger import Ledger
from state.stream_ledger import FAILURE_TOLD_FOR


class ExportLedger:
    """The exports' side of the ledger. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self.redis = ledger.redis

    def claim(self, export: ExportRef, rq_id: str) -> bool:
        """Marks an export as under way; False when it is, and then somebody else has queued it."""
        claim = Claim(rq_id=rq_id, at=now()).model_dump_json()
        return bool(self.redis.hsetnx(redis_keys.EXPORTS, str(export), claim))

    def is_claimed(self, export: ExportRef) -> bool:
        """True while it waits in the queue or is being made."""
        return bool(self.redis.hexists(redis_keys.EXPORTS, str(export)))

    def claims(self) -> dict[ExportRef, Claim]:
        """The exports under way, of all tenants."""
        found = cast("dict[str, str]", self.redis.hgetall(redis_keys.EXPORTS))
        return {
            ExportRef.parse(ref): Claim.model_validate_json(text) for ref, text in found.items()
        }

    def release(self, export: ExportRef) -> None:
        """It is made, has failed, or nobody is making it any more."""
        self.redis.hdel(redis_keys.EXPORTS, str(export))

    def fail(self, export: ExportRef, error: JobError) -> None:
        """It cannot be made: for good, or for a moment when the trouble is the machine's."""
        lasting = FAILURE_TOLD_FOR if error.retryable else RETENTION
        key = redis_keys.export_failure(export)
        self.redis.set(key, error.model_dump_json(), px=lasting)

    def failure(self, export: ExportRef) -> JobError | None:
        """Why it could not be made, or None."""
        found = cast("str | None", self.redis.get(redis_keys.export_failure(export)))
        return JobError.model_validate_json(found) if found else None
