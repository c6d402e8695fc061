"""The rates of finished jobs in the store, and the prediction of a new one.

estimates/
├── notes/{uuid}.json      W  one job that succeeded
└── totals/{n}.json        W  all rates so far; the highest number is valid

They belong to no tenant: what a sample costs depends on the device and the size of the images.
"""

from contracts.accounts.estimates import CostEstimate, RateNote, RateTotal
from contracts.jobs import Request
from state.estimates.work import work_of
from state.rollups import Rollup
from state.store import Store

PREFIX = "estimates"


def rates(store: Store) -> Rollup[RateNote, RateTotal]:
    """Return the rates of a store."""
    return Rollup(
        store,
        notes=f"{PREFIX}/notes",
        totals=f"{PREFIX}/totals",
        note_model=RateNote,
        nothing=RateTotal(),
    )


def estimate(store: Store, request: Request) -> CostEstimate | None:
    """Return the predicted cost of a job: by earlier ones of its sort on the device that did one last, else a guess.

    None when its inputs are gone.
    """
    work = work_of(store, request)
    if work is None:
        return None
    total = rates(store).folded()
    known = [rate for rate in total.rates if rate.work == work.name]
    newest = max(known, key=lambda rate: rate.at, default=None)
    if newest is None:
        seconds = round(work.units * work.seconds, 1)
        return CostEstimate(seconds=seconds, num_bytes=work.bytes_at(work.num_bytes))
    return CostEstimate(
        seconds=round(work.units * newest.seconds_per_unit, 1),
        num_bytes=work.bytes_at(newest.bytes_per_unit),
        device=newest.device,
        num_jobs=newest.num_jobs,
    )
