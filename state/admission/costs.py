"""Predicts what waiting work costs: seconds of its device and bytes of the store, from what such work took before.

Workers report what they measure; Redis keeps a running average for a week. Before anything is measured, a constant is
used: it decides the order of the first jobs and how many are accepted, and no result.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import cast

from contracts.kinds import RETENTION, QueueName, Task
from state import redis_keys
from state.ledger import Ledger

_SECONDS: dict[QueueName, float] = {
    "fit": 300,
    "generate": 30,
    "cpu": 30,
    "train": 8 * 3600,
    "evaluate": 2 * 3600,
}
"""An entry of each queue, until one has been measured."""
_SAMPLE_SECONDS = 0.1
"""A sample of a batch: 64 px on one core of a CPU."""
_SAMPLE_BYTES = 20_000
NEWEST = 0.3
"""The weight of the newest measurement in an average."""


@dataclass(frozen=True)
class Cost:
    """Predicted seconds of the device, and predicted bytes of the results."""

    seconds: float
    num_bytes: float = 0


class Costs:
    """The measured averages. Every method may raise `redis.RedisError`."""

    def __init__(self, ledger: Ledger) -> None:
        self._redis = ledger.redis

    def note_samples(self, fit: str, num_samples: int, cost: Cost) -> None:
        """Add a rendered shard to the averages of its fit and of all fits."""
        if num_samples > 0:
            for name in (fit, "any"):
                self._note(f"sample-seconds:{name}", cost.seconds, num_samples)
                self._note(f"sample-bytes:{name}", cost.num_bytes, num_samples)

    def note_entry(self, task: Task, seconds: float) -> None:
        """Add an entry that ended to the average of its task."""
        self._note(f"entry-seconds:{task.function}", seconds)

    def of_samples(self, fit: str, num_samples: int) -> Cost:
        """Return the cost of samples of a fit."""
        seconds, num_bytes = (
            self._average((f"{what}:{fit}", f"{what}:any"), default)
            for what, default in (
                ("sample-seconds", _SAMPLE_SECONDS),
                ("sample-bytes", _SAMPLE_BYTES),
            )
        )
        return Cost(seconds * num_samples, num_bytes * num_samples)

    def of_entry(self, task: Task, queue: QueueName) -> Cost:
        """Return the cost of an entry, by earlier ones of its task."""
        return Cost(self._average((f"entry-seconds:{task.function}",), _SECONDS[queue]))

    def _note(self, name: str, amount: float, number: int = 1) -> None:
        """Add an amount for a number of things, so that a shard of 256 counts more than one of 8."""
        key = redis_keys.average(name)
        old_amount, old_number = _sums(cast("str | None", self._redis.get(key)))
        amount, total = amount + (1 - NEWEST) * old_amount, number + (1 - NEWEST) * old_number
        self._redis.set(key, f"{amount!r} {total!r}", ex=RETENTION)

    def _average(self, names: tuple[str, ...], default: float) -> float:
        """Return the first average that is known and a positive number."""
        found = cast(
            "list[str | None]", self._redis.mget([redis_keys.average(one) for one in names])
        )
        for text in found:
            amount, number = _sums(text)
            if amount > 0:
                return amount / number
        return default


def _sums(text: str | None) -> tuple[float, float]:
    """Return a stored amount and number, or zeros for any other text: another version may have written it."""
    try:
        amount, number = map(float, (text or "").split())
    except ValueError:
        return 0.0, 0.0
    return (amount, number) if isfinite(amount) and 0 < number < inf else (0.0, 0.0)
