"""States of a job's computations in its scratch folder: when they are saved, read, and left out."""

from datetime import timedelta

import pytest
import torch
from structlog.testing import capture_logs

from contracts.fits.fit import FitManifest, FitRequest
from contracts.jobs import JobStatus
from models.states import Resumption, StateRefused
from state import keys, records
from tests.workers.scene import Scene
from workers.runtime.jobs import Deleted, Overtaken, Run
from workers.saving.saved_states import OnStep, SavedState, SavedStates

STATE = {"step": torch.tensor(7), "weights": torch.arange(5.0)}


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a fit that has not started."""
    return scene.request_fit()


@pytest.fixture
def run(scene: Scene, fit: FitRequest) -> Run:
    """Return an attempt at the fit."""
    return Run(scene.machine, fit.ref)


@pytest.fixture
def saved(run: Run) -> SavedState:
    """Return the state of one of its computations."""
    return SavedStates(run).of("training")


def key_of(run: Run) -> str:
    """Return the key of the state."""
    return f"{keys.job_scratch(run.ref)}/training.state"


def test_a_state_is_read_by_the_next_attempt(run: Run, saved: SavedState, scene: Scene) -> None:
    """With the same names, numbers and types; the attempt counts as one that has stored work."""
    scene.machine.ledger.next_attempt(run.ref)
    saved.save(STATE)
    read = SavedStates(Run(scene.machine, run.ref)).of("training").read()
    assert read is not None
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[name], one) for name, one in STATE.items())
    assert scene.machine.ledger.has_saved_work(run.ref)


def test_a_state_is_saved_when_it_is_due(scene: Scene, run: Run, saved: SavedState) -> None:
    """Not at every step, but the last one, and the one at which the worker stops."""
    never = SavedStates(run).of("other")
    saved(lambda: STATE)
    assert saved.read() is None
    saved(lambda: STATE, is_last=True)
    assert saved.read() is not None
    scene.machine.pulse.drain()
    never(lambda: STATE)
    assert never.read() is not None


def test_a_state_is_saved_after_the_interval(scene: Scene, fit: FitRequest) -> None:
    """`keep_interval` shortens the usual one."""
    settings = scene.machine.settings.model_copy(update={"keep_interval": timedelta(0)})
    run = Run(scene.machine.__class__(**{**vars(scene.machine), "settings": settings}), fit.ref)
    saved = SavedStates(run).of("training")
    saved(lambda: STATE)
    assert saved.read() is not None


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:50], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""],
    ids=["cut", "changed", "empty"],
)
def test_a_damaged_state_is_left_out(scene: Scene, run: Run, saved: SavedState, damage) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - a case
    """The computation starts again; the log names the object."""
    saved.save(STATE)
    store = scene.machine.store
    store.put(key_of(run), damage(store.get(key_of(run))))
    seen: list[Resumption] = []

    def work(resumption: Resumption, _: OnStep) -> str:
        seen.append(resumption)
        return "done"

    with capture_logs() as logs:
        assert saved.resume(work, lambda *_: None) == "done"
    assert [one.state for one in seen] == [None]
    assert [(one["event"], one["key"]) for one in logs] == [("damaged state left out", key_of(run))]


def test_a_state_of_another_computation_is_left_out(run: Run, saved: SavedState) -> None:
    """The computation refuses it, and starts again; the log says why."""
    saved.save(STATE)

    def work(resumption: Resumption, _: OnStep) -> str:
        if resumption.state is not None:
            raise StateRefused("expected 3 tensors, got 2")
        return "done"

    with capture_logs() as logs:
        assert saved.resume(work, lambda *_: None) == "done"
    assert [one["reason"] for one in logs] == ["expected 3 tensors, got 2"]


def test_no_state_is_saved_for_a_job_that_has_ended(scene: Scene, run: Run) -> None:
    """Nothing would delete it: the scratch folder was cleared at the end."""
    manifest = records.ended_without_result(FitManifest, JobStatus.CANCELLED, None)
    records.finish(scene.machine.store, scene.machine.ledger, run.ref, manifest)
    with pytest.raises(Overtaken):
        SavedStates(run).of("training").save(STATE)
    assert scene.machine.store.head(key_of(run)) is None


def test_no_state_is_saved_for_a_deleted_job(scene: Scene, run: Run) -> None:
    """It would stay until the next sweep."""
    records.delete_objects(
        scene.machine.store,
        keys.job_prefix(run.ref),
        tombstone_key=keys.job_tombstone(run.ref),
        first=keys.job_request(run.ref),
    )
    with pytest.raises(Deleted):
        SavedStates(run).of("training").save(STATE)
    assert scene.machine.store.head(key_of(run)) is None


def test_the_end_of_a_job_deletes_its_states(scene: Scene, run: Run, saved: SavedState) -> None:
    """Whether it succeeded, failed or was cancelled."""
    saved.save(STATE)
    manifest = records.ended_without_result(FitManifest, JobStatus.FAILED, None)
    records.finish(scene.machine.store, scene.machine.ledger, run.ref, manifest)
    assert scene.machine.store.head(key_of(run)) is None


def test_no_remaining_time_follows_from_found_work(scene: Scene, run: Run) -> None:
    """900 of 1,000 steps were found at once; the others take long at one per second."""
    step = run.steps("training")
    run.found_first(step)(900, 1_000)
    while (progress := scene.machine.ledger.live(run.ref).progress) is None or progress.done == 900:
        step(901, 1_000)
    assert progress.eta_seconds is not None
    assert progress.eta_seconds > 50
