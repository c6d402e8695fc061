"""What a tenant used: pairs, device seconds and bytes, as single notes in the store and as sums of a day."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from contracts.accounts.totals import Total
from contracts.base import Model, Timestamp

Amount = Annotated[int, Field(ge=0)]
Amounts = dict[str, Annotated[float, Field(ge=0)]]


class Usage(Model):
    """Amounts. `requested_pairs` were accepted, `pairs` were rendered. `device_seconds` are by the class of device.

    `written_bytes` are shards and exports of workers, `uploaded_bytes` what the tenant sent.
    """

    requested_pairs: Amount = 0
    pairs: Amount = 0
    device_seconds: Amounts = Field(default_factory=dict)
    written_bytes: Amount = 0
    uploaded_bytes: Amount = 0

    def __add__(self, other: Self) -> Self:
        """Return the sum."""
        seconds = Counter(self.device_seconds)
        seconds.update(other.device_seconds)
        return type(self)(
            requested_pairs=self.requested_pairs + other.requested_pairs,
            pairs=self.pairs + other.pairs,
            device_seconds=dict(sorted(seconds.items())),
            written_bytes=self.written_bytes + other.written_bytes,
            uploaded_bytes=self.uploaded_bytes + other.uploaded_bytes,
        )


class UsageTotal(Total[Usage]):
    """`usage/{day}/totals/{n}.json`: the sum of a day so far."""

    usage: Usage

    def plus(self, notes: Sequence[Usage]) -> Self:
        """Return the sum with further usage."""
        return self.model_copy(update={"usage": sum(notes, self.usage)})


class StoredBytes(Model):
    """`usage/stored.json`: what a tenant had in the store at a time."""

    num_bytes: Amount
    num_objects: Amount
    measured_at: Timestamp
