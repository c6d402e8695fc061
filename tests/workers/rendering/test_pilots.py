"""A pilot that stops continues with the samples that are missing, and measures the same quantiles."""

import dataclasses
import math
from datetime import timedelta

import pytest

from contracts.batches import BatchRequest
from contracts.fits.fit import FitRequest
from contracts.recipes.pilots import Pilot
from state import keys, records
from state.planning import pilot_key, pilot_samples_key
from tests.workers.scene import Scene
from workers.rendering import batches, pilot_samples, pilots
from workers.runtime.micro_batches import MicroBatches
from workers.runtime.pulse import Drained
from workers.saving.saved_states import checked, read_checked

NUM_SAMPLES = 40


class Killed(BaseException):
    """The process of a worker ends."""


@pytest.fixture
def scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a scene whose pilots have 40 samples, eight at once."""
    monkeypatch.setattr(pilot_samples, "NUM_SAMPLES", NUM_SAMPLES)
    return Scene(dataclasses.replace(scene.machine, micro_batches=MicroBatches(8)))


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return scene.fit()


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the scores of every micro-batch."""
    monkeypatch.setattr(pilot_samples, "INTERVAL", timedelta(0))
    monkeypatch.setattr(pilot_samples, "LONGEST_SHARE", math.inf)


def measure(scene: Scene, batch: BatchRequest, *, until: int = NUM_SAMPLES) -> list[int]:
    """Measure the pilot of a batch; the worker is killed after some samples. Returns the reported steps."""
    steps: list[int] = []

    def step(done: int, _: int) -> None:
        steps.append(done)
        if until <= done < NUM_SAMPLES:
            raise Killed

    pilots.measure_pilot(scene.machine, batch, step)
    return steps


def pilot_of(scene: Scene, batch: BatchRequest) -> Pilot:
    """Return the stored pilot without its time."""
    pilot = records.read(scene.machine.store, pilot_key(batch), Pilot)
    assert pilot is not None
    return pilot.model_copy(update={"measured_at": batch.created_at})


@pytest.mark.usefixtures("saving")
def test_a_killed_pilot_continues(scene: Scene, fit: FitRequest) -> None:
    """Another batch of the fit renders only the missing samples; quantiles are the same, and no scores stay."""
    killed, other = (scene.request_batch(fit, drop_share=0.1) for _ in range(2))
    assert measure(scene, killed) == [8, 16, 24, 32, 40]
    whole = pilot_of(scene, killed)
    scene.machine.store.delete(pilot_key(killed))
    with pytest.raises(Killed):
        measure(scene, killed, until=24)
    assert scene.machine.store.head(pilot_samples_key(killed)) is not None
    assert measure(scene, other) == [24, 32, 40]
    expected = whole.model_copy(update={"measured_at": other.created_at})
    assert pilot_of(scene, other) == expected
    assert scene.machine.store.head(pilot_samples_key(killed)) is None


def test_a_stopped_worker_loses_no_score(scene: Scene, fit: FitRequest) -> None:
    """Scores are due every few seconds; SIGTERM keeps them at once."""
    batch = scene.request_batch(fit, drop_share=0.1)
    pulse = scene.machine.pulse

    def drain(done: int, _: int) -> None:
        pulse.beat()
        if done == 16:
            pulse.drain()

    with pytest.raises(Drained):
        pilots.measure_pilot(scene.machine, batch, drain)
    pulse.is_draining = False
    assert measure(scene, batch) == [24, 32, 40]


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize("damage", ["cut", "other fit"])
def test_scores_that_cannot_be_used_are_measured_again(
    scene: Scene, fit: FitRequest, damage: str
) -> None:
    """Damaged ones, and those of a fit with another digest."""
    batch = scene.request_batch(fit, drop_share=0.1)
    with pytest.raises(Killed):
        measure(scene, batch, until=16)
    key, store = pilot_samples_key(batch), scene.machine.store
    if damage == "cut":
        store.put(key, store.get(key)[:40])
    else:
        state = read_checked(store, key)
        assert state is not None
        store.put(key, checked({**state, "fit": state["fit"] + 1}))
    assert measure(scene, batch) == [8, 16, 24, 32, 40]


@pytest.mark.usefixtures("saving")
def test_a_deleted_fit_gets_no_scores(scene: Scene, fit: FitRequest) -> None:
    """A pilot that is running meanwhile leaves nothing below the fit."""
    batch = scene.request_batch(fit, drop_share=0.1)
    scene.machine.store.put(keys.tombstone("default", "fits", fit.id), b"{}")
    with pytest.raises(Killed):
        measure(scene, batch, until=16)
    assert scene.machine.store.head(pilot_samples_key(batch)) is None


@pytest.mark.usefixtures("saving")
def test_the_progress_of_a_batch_continues(scene: Scene, fit: FitRequest) -> None:
    """A pilot in a batch's job reports the samples of an earlier attempt first."""
    batch = scene.request_batch(fit, drop_share=0.1)
    with pytest.raises(Killed):
        measure(scene, batch, until=16)
    batches.run_pilot(scene.machine, str(batch.ref), 2)
    events = scene.machine.ledger.events(batch.ref, limit=100)
    shown = [one.data["done"] for one in events if one.type == "progress"]
    assert shown[0] == 16
    assert shown[-1] == NUM_SAMPLES
