"""Predictions from the rates of finished jobs."""

from datetime import timedelta

import pytest

from contracts.accounts.estimates import MAX_RATES, RateNote
from contracts.base import now
from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.recipes.recipe import Filter
from state import keys, records
from state.estimates.rates import PREFIX, estimate, rates
from state.estimates.work import work_of
from state.store import Store
from tests.workers.scene import Scene


def note(
    name: str, *, seconds: float, units: float = 10, age: int = 0, device: str = "cpu"
) -> RateNote:
    """Return a note about a job."""
    at = now() - timedelta(seconds=age)
    return RateNote(
        work=name, device=device, units=units, seconds=seconds, num_bytes=units * 100, at=at
    )


@pytest.fixture
def batch(scene: Scene) -> BatchRequest:
    """Return a batch of eight samples."""
    return scene.request_batch(scene.fit(), n=8)


def test_a_prediction_follows_from_earlier_jobs(scene: Scene, batch: BatchRequest) -> None:
    """The average of the seconds and bytes of a unit, times the units."""
    store = scene.machine.store
    work = work_of(store, batch)
    assert work is not None
    for seconds in (10, 30):
        rates(store).note(note(work.name, seconds=seconds))
    rates(store).fold()
    found = estimate(store, batch)
    assert found is not None
    assert (found.seconds, found.num_bytes) == (16.0, 800)
    assert (found.num_jobs, found.device) == (2, "cpu")


def test_the_newest_device_counts(scene: Scene, batch: BatchRequest) -> None:
    """A service that got a GPU predicts by it from then on."""
    store, work = scene.machine.store, work_of(scene.machine.store, batch)
    assert work is not None
    rates(store).note(note(work.name, seconds=1, device="H100"))
    rates(store).note(note(work.name, seconds=100, age=60))
    rates(store).fold()
    found = estimate(store, batch)
    assert found is not None
    assert (found.device, found.seconds) == ("H100", 0.8)


def test_a_filter_costs_more(scene: Scene, batch: BatchRequest) -> None:
    """The dropped samples are rendered, too."""
    filtered = batch.model_copy(update={"filter": Filter(drop_share=0.5)})
    plain, costly = (work_of(scene.machine.store, one) for one in (batch, filtered))
    assert plain is not None
    assert costly is not None
    assert costly.units == 2 * plain.units


def test_a_fit_costs_by_its_images(scene: Scene) -> None:
    """Without its labelset there is no prediction."""
    fit, store = scene.request_fit(), scene.machine.store
    work = work_of(store, fit)
    assert work is not None
    assert work.units == 4
    store.delete(keys.manifest(fit.tenant, "labelsets", fit.labelset.id))
    assert estimate(store, fit) is None


def test_the_rates_are_bounded() -> None:
    """The ones that were measured last stay."""
    store = Store.in_memory()
    for index in range(MAX_RATES + 5):
        rates(store).note(note(f"work-{index}", seconds=1, age=index))
    rates(store).fold()
    kept = {rate.work for rate in rates(store).folded().rates}
    assert len(kept) == MAX_RATES
    assert "work-0" in kept
    assert f"work-{MAX_RATES + 4}" not in kept


def test_an_old_job_loses_weight() -> None:
    """After many jobs the newest one still has a tenth of the average."""
    store = Store.in_memory()
    for seconds in (*[10.0] * 30, 110.0):
        rates(store).note(note("work", seconds=seconds))
        rates(store).fold()
    (rate,) = rates(store).folded().rates
    assert (rate.num_jobs, round(rate.seconds_per_unit, 3)) == (31, 2.0)
    assert len(list(store.list(f"{PREFIX}/totals"))) == 2


def test_a_request_of_an_earlier_version_has_no_estimate(scene: Scene) -> None:
    """It is read as before."""
    fit = scene.request_fit()
    read = records.read_request(scene.machine.store, fit.ref, FitRequest)
    assert read is not None
    assert read.estimate is None
