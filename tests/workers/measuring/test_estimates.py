"""Predictions from the rates of finished jobs."""

from datetime import timedelta
from typing import TypeVar

import pytest

from contracts.accounts.estimates import MAX_RATES, RateNote
from contracts.base import now
from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.fits.options import EnsembleOptions, InversionOptions
from contracts.recipes.recipe import Filter
from contracts.recipes.targets import PresenceTarget
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


Options = TypeVar("Options", InversionOptions, EnsembleOptions)


def times_ten(options: Options) -> Options:
    """Return options with ten times the steps."""
    return options.model_copy(update={"steps": 10 * options.steps})


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


def test_a_fit_costs_by_its_images_and_steps(scene: Scene) -> None:
    """Ten times the steps of both kinds take ten times as long, and bytes follow the images alone.

    Without its labelset there is no prediction.
    """
    fit, store = scene.request_fit(), scene.machine.store
    work = work_of(store, fit)
    assert work is not None
    assert work.byte_units == 4
    options = fit.options.model_copy(
        update={
            "inversion": times_ten(fit.options.inversion),
            "ensemble": times_ten(fit.options.ensemble),
        }
    )
    longer = work_of(store, fit.model_copy(update={"options": options}))
    assert longer is not None
    assert (longer.name, longer.byte_units) == (work.name, 4)
    assert longer.units == pytest.approx(10 * work.units)
    store.delete(keys.manifest(fit.tenant, "labelsets", fit.labelset.id))
    assert estimate(store, fit) is None


@pytest.mark.parametrize(("inverter", "factor"), [("0" * 64, 2), (None, 1)])
def test_mirrored_images_are_inverted_too(scene: Scene, inverter: str | None, factor: int) -> None:
    """Not where the images are the codes, as without an inverter. The training takes as long as before."""
    plain = scene.request_fit().model_copy(update={"inverter_digest": inverter})
    ensemble = plain.options.ensemble
    units = []
    for changes in ({"steps": 0}, {"steps": 0, "flips": True}, {}, {"flips": True}):
        options = {"ensemble": ensemble.model_copy(update=changes)}
        request = plain.model_copy(update={"options": plain.options.model_copy(update=options)})
        work = work_of(scene.machine.store, request)
        assert work is not None
        units.append(work.units)
    inverting, both, with_training, all_with_training = units
    assert both == pytest.approx(factor * inverting)
    assert all_with_training - both == pytest.approx(with_training - inverting)


def test_a_quick_trial_does_not_predict_a_whole_fit(scene: Scene) -> None:
    """A fit that took twice its guess predicts twice the guess of another one, and the bytes of each image."""
    fit, store = scene.request_fit(), scene.machine.store
    work = work_of(store, fit)
    assert work is not None
    took = note(work.name, seconds=2 * work.units, units=work.units).model_copy(
        update={"num_bytes": 1_000.0, "byte_units": work.byte_units}
    )
    rates(store).note(took)
    rates(store).fold()
    options = fit.options.model_copy(update={"ensemble": times_ten(fit.options.ensemble)})
    longer = fit.model_copy(update={"options": options})
    other, found = work_of(store, longer), estimate(store, longer)
    assert other is not None
    assert found is not None
    assert found.seconds == pytest.approx(2 * other.units, abs=0.1)
    assert found.num_bytes == 1_000


def test_targets_are_another_sort(scene: Scene, batch: BatchRequest) -> None:
    """What a sample with a target costs depends on its class, and does not change the cost of plain ones."""
    target = PresenceTarget(kind="presence", class_name="hat", min_pixels=0.01)
    targeted = batch.model_copy(update={"targets": (target,)})
    names = {one.name for each in (batch, targeted) if (one := work_of(scene.machine.store, each))}
    assert len(names) == 2


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
