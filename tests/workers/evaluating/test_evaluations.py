"""The job of an evaluation on a random generator: its units, its resumption, its ends, its report."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.evaluations.evaluation import EvaluationUnit, plan_units
from contracts.jobs import JobStatus
from contracts.recipes.recipe import Filter
from models.downstream.network import DownstreamNetwork
from models.downstream.training import Plan, train
from models.inversion.squeezenet import SqueezeNet, SqueezeNetConfig
from models.serialization import pack
from state import keys
from tests.workers.evaluating.conftest import QUICK, Evaluating
from tests.workers.scene import ALL_TASKS, Scene
from workers.evaluating import units
from workers.evaluating.scoring import ImageScores
from workers.rendering import pilot_samples
from workers.runtime import jobs
from workers.runtime.artefacts import read_artefact
from workers.runtime.jobs import Run
from workers.runtime.pulse import Drained


def test_an_evaluation_ends_with_a_report_and_its_files(evaluating: Evaluating) -> None:
    """Every unit is scored; the report compares every arm with the real pairs, and is stored in two formats."""
    options = QUICK.model_copy(update={"synthetic_counts": (4, 8)})
    request = evaluating.request(options)
    evaluating.run(request)
    manifest = evaluating.manifest(request)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert set(evaluating.units(request)) == {unit.name for unit in plan_units(options)}
    assert manifest.report is not None
    (task,) = manifest.report.tasks
    refs = [(arm.ref.arm, arm.ref.synthetic_pairs) for arm in task.arms]
    assert refs == [
        ("real", 0),
        ("synthetic", 4),
        ("synthetic", 8),
        ("mixed", 4),
        ("mixed", 8),
        ("direct", 0),
    ]
    assert manifest.report.verdict
    store = evaluating.scene.machine.store
    stored = json.loads(read_artefact(store, manifest.files["report.json"]))
    assert stored == manifest.report.model_dump(mode="json")
    assert b"<!doctype html" in read_artefact(store, manifest.files["report.html"]).lower()


class Killed(BaseException):
    """The process of a worker ends."""


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the seeds of all trainings, as they start."""
    seeds: list[int] = []

    def counted(plan: Plan, **options: Any) -> DownstreamNetwork:
        seeds.append(plan.seed)
        return train(plan, **options)

    monkeypatch.setattr(units, "train", counted)
    return seeds


def test_a_killed_worker_loses_one_unit(
    evaluating: Evaluating, trainings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt runs the others, and ends with the same scores and report as an uninterrupted one."""
    whole = evaluating.request()
    killed = evaluating.request(heldout=whole.heldout_labelset)
    evaluating.run(whole)
    assert len(trainings) == 3
    save = units.UnitKeeper.save

    def save_one(self: units.UnitKeeper, unit: EvaluationUnit, scores: ImageScores) -> None:
        if evaluating.units(killed):
            raise Killed
        save(self, unit, scores)

    trainings.clear()
    monkeypatch.setattr(units.UnitKeeper, "save", save_one)
    with pytest.raises(Killed):
        evaluating.run(killed)
    assert (len(trainings), set(evaluating.units(killed))) == (2, {"real-0"})
    monkeypatch.setattr(units.UnitKeeper, "save", save)
    evaluating.run(killed, attempt=2)
    assert len(trainings) == 3 + 1
    assert evaluating.units(killed) == evaluating.units(whole)
    assert evaluating.manifest(killed).report == evaluating.manifest(whole).report


def test_a_finished_evaluation_needs_only_its_scores(evaluating: Evaluating) -> None:
    """If only the report was lost, nothing is read, generated or trained again; the fit may be deleted by then."""
    request = evaluating.request()
    evaluating.run(request)
    store = evaluating.scene.machine.store
    store.delete(keys.job_manifest(request.ref))
    store.delete(keys.job_manifest(evaluating.fit.ref))
    evaluating.run(request, attempt=2)
    assert evaluating.manifest(request).status is JobStatus.SUCCEEDED


def at_step(
    monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[Run], None]
) -> list[int]:
    """Call `action` at this step of the arm `real`. Returns the list of its steps, as they happen."""
    steps: list[int] = []
    step = Run.step

    def watched(self: Run, stage: str, done: int, total: int) -> None:
        step(self, stage, done, total)
        if stage == "real":
            steps.append(done)
            if done == number:
                action(self)

    monkeypatch.setattr(Run, "step", watched)
    return steps


def test_a_stopped_worker_loses_nothing(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of the unit is stored; the next attempt continues within it, and ends with the same scores."""
    options = QUICK.model_copy(update={"steps": 4, "arms": ("real", "direct")})
    whole = evaluating.request(options)
    stopped = evaluating.request(options, heldout=whole.heldout_labelset)
    evaluating.run(whole)
    pulse = evaluating.scene.machine.pulse
    steps = at_step(monkeypatch, 2, lambda _: pulse.drain())
    with pytest.raises(Drained):
        evaluating.run(stopped)
    assert steps == [1, 2]
    pulse.is_draining = False
    steps.clear()
    evaluating.run(stopped, attempt=2)
    assert steps == [3, 4]
    assert evaluating.units(stopped) == evaluating.units(whole)


def test_a_cancel_ends_a_training_between_two_steps(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished units stay, the running one stops, and there is no report."""
    options = QUICK.model_copy(update={"steps": 3, "arms": ("real", "direct"), "num_seeds": 2})
    request = evaluating.request(options)
    monkeypatch.setattr(jobs, "CHECK_EVERY_SECONDS", 0.0)
    steps = at_step(monkeypatch, 4, lambda run: evaluating.scene.cancel(run.ref))
    evaluating.run(request)
    manifest = evaluating.manifest(request)
    assert (manifest.status, manifest.report) == (JobStatus.CANCELLED, None)
    assert steps == [1, 2, 3, 4]
    assert set(evaluating.units(request)) == {"real-0"}


def test_progress_counts_the_steps_of_an_arm(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trainings of two steps are four; an attempt that begins with the second one begins at three."""
    options = QUICK.model_copy(update={"steps": 2, "arms": ("real", "direct"), "num_seeds": 2})
    request = evaluating.request(options)
    steps = at_step(monkeypatch, -1, lambda _: None)
    evaluating.run(request)
    assert steps == [1, 2, 3, 4]
    store = evaluating.scene.machine.store
    store.delete(keys.job_manifest(request.ref))
    store.delete(keys.evaluation_unit(request.ref, "real-1"))
    steps.clear()
    evaluating.run(request, attempt=2)
    assert steps == [3, 4]


def test_an_oracle_trains_on_its_own_labelset(evaluating: Evaluating) -> None:
    """With other images its scores differ from those of the real pairs."""
    options = QUICK.model_copy(update={"arms": ("real", "oracle")})
    request = evaluating.request(options, oracle=evaluating.labelset(12, seed=2))
    evaluating.run(request)
    stored = evaluating.units(request)
    assert set(stored) == {"real-0", "oracle-0"}
    assert stored["real-0"] != stored["oracle-0"]


def test_a_frozen_arm_needs_a_mounted_network(evaluating: Evaluating) -> None:
    """Without one the job fails before the first training, and says what to do."""
    request = evaluating.request(QUICK.model_copy(update={"arms": ("real", "frozen")}))
    evaluating.run(request)
    error = evaluating.manifest(request).error
    assert error is not None
    assert (error.code, "HANDSOFF_PERCEPTUAL_WEIGHTS" in error.detail) == ("input_missing", True)
    assert evaluating.units(request) == {}


def test_a_frozen_arm_uses_the_mounted_network(evaluating: Evaluating, tmp_path: Path) -> None:
    """Its features are those of the SqueezeNet in the operator's file."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack(SqueezeNet(SqueezeNetConfig()).state_dict()))
    settings = evaluating.scene.machine.settings.model_copy(update={"perceptual_weights": path})
    mounted = replace(evaluating, scene=Scene(replace(evaluating.scene.machine, settings=settings)))
    request = mounted.request(QUICK.model_copy(update={"arms": ("real", "frozen")}))
    mounted.run(request)
    assert mounted.manifest(request).status is JobStatus.SUCCEEDED
    assert set(mounted.units(request)) == {"real-0", "frozen-0"}


def test_a_filter_is_that_of_a_batch(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pilot of the fit is measured first, as for a batch."""
    monkeypatch.setattr(pilot_samples, "NUM_SAMPLES", 20)
    options = QUICK.model_copy(update={"filter": Filter(drop_share=0.5)})
    request = evaluating.request(options)
    evaluating.run(request)
    assert evaluating.manifest(request).status is JobStatus.SUCCEEDED
    prefix = keys.pilot("default", request.fit.id, 0.7)
    assert evaluating.scene.machine.store.head(prefix) is not None


def test_a_deleted_labelset_fails_the_job(evaluating: Evaluating) -> None:
    """The error names the labelset."""
    request = evaluating.request()
    key = keys.manifest("default", "labelsets", request.heldout_labelset.id)
    evaluating.scene.machine.store.delete(key)
    evaluating.run(request)
    error = evaluating.manifest(request).error
    assert error is not None
    assert request.heldout_labelset.id in error.detail


def test_all_tasks_are_compared(evaluating: Evaluating) -> None:
    """Masks, keypoints and depth each have a part of the report."""
    request = evaluating.request(labels=ALL_TASKS)
    evaluating.run(request)
    manifest = evaluating.manifest(request)
    assert manifest.report is not None, manifest.error
    assert [task.task for task in manifest.report.tasks] == ["segmentation", "keypoints", "depth"]
