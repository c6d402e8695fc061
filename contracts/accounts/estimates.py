"""What a job will probably cost, and the rates of earlier jobs that the prediction rests on."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from contracts.accounts.totals import Total
from contracts.base import Model, Timestamp

MAX_RATES = 200
"""The most kinds of work, each on one class of device. The ones that were not measured for longest go first."""
_LEAST_WEIGHT = 0.1
"""The weight of the newest job in an average of many."""

Amount = Annotated[float, Field(ge=0)]


class CostEstimate(Model):
    """A prediction: seconds of one device, and bytes of the results.

    It rests on `num_jobs` earlier jobs of the same sort on devices of the class `device`. Without any, `device` is None
    and the numbers are built-in guesses for one core of a CPU.
    """

    seconds: Amount
    num_bytes: Annotated[int, Field(ge=0)]
    device: str | None = None
    num_jobs: Annotated[int, Field(ge=0)] = 0


class RateNote(Model):
    """`estimates/notes/{uuid}.json`: one job that succeeded.

    `units` are what its seconds grow with, such as samples. Its bytes grow with `byte_units`, by default the same.
    """

    work: str
    device: str
    units: Annotated[float, Field(gt=0)]
    byte_units: Annotated[float, Field(gt=0)] | None = None
    seconds: Amount
    num_bytes: Amount
    at: Timestamp

    @property
    def seconds_per_unit(self) -> float:
        return self.seconds / self.units

    @property
    def bytes_per_unit(self) -> float:
        return self.num_bytes / (self.byte_units or self.units)


class Rate(Model):
    """What a unit of one sort of work costs on one class of device: an average of `num_jobs` jobs."""

    work: str
    device: str
    num_jobs: Annotated[int, Field(ge=1)]
    seconds_per_unit: Amount
    bytes_per_unit: Amount
    at: Timestamp

    def after(self, note: RateNote) -> Self:
        """Return the average with one more job."""
        weight = max(1 / (self.num_jobs + 1), _LEAST_WEIGHT)
        seconds = note.seconds_per_unit - self.seconds_per_unit
        num_bytes = note.bytes_per_unit - self.bytes_per_unit
        return self.model_copy(
            update={
                "num_jobs": self.num_jobs + 1,
                "seconds_per_unit": self.seconds_per_unit + weight * seconds,
                "bytes_per_unit": self.bytes_per_unit + weight * num_bytes,
                "at": max(self.at, note.at),
            }
        )


class RateTotal(Total[RateNote]):
    """`estimates/totals/{n}.json`: all rates so far."""

    rates: tuple[Rate, ...] = ()

    def plus(self, notes: Sequence[RateNote]) -> Self:
        """Return the total with more jobs."""
        rates = {(rate.work, rate.device): rate for rate in self.rates}
        for note in notes:
            known = rates.get((note.work, note.device))
            rates[note.work, note.device] = known.after(note) if known else _first(note)
        newest = sorted(rates.values(), key=lambda rate: rate.at, reverse=True)[:MAX_RATES]
        return self.model_copy(update={"rates": tuple(newest)})


def _first(note: RateNote) -> Rate:
    return Rate(
        work=note.work,
        device=note.device,
        num_jobs=1,
        seconds_per_unit=note.seconds_per_unit,
        bytes_per_unit=note.bytes_per_unit,
        at=note.at,
    )
