"""An inverter's training as a job: its result, its continuation after a kill, its cancellation."""

import pytest

from contracts.errors.jobs import InputMissing
from contracts.generators.inverters import InverterManifest, InverterRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from models.generators.stylegan2.inversion.training import EncoderTraining
from state import keys, records
from tests.workers.scene import GENERATOR, Scene
from tests.workers.training.trained import request_inverter
from workers.runtime.artefacts import read_inverter
from workers.runtime.pulse import Drained
from workers.training import inverters


def outcome_of(scene: Scene, request: InverterRequest) -> InverterManifest:
    """Return the manifest of a training that has ended."""
    outcome = records.read_manifest(scene.machine.store, request.ref, InverterManifest)
    assert outcome is not None
    return outcome


def scratch(scene: Scene, request: InverterRequest) -> list[str]:
    """The keys that are stored for the next attempt."""
    return [each.key for each in scene.machine.store.list(keys.job_scratch(request.ref))]


@pytest.fixture
def trained(scene: Scene) -> InverterRequest:
    """Return a training that has succeeded."""
    request = request_inverter(scene)
    inverters.run(scene.machine, str(request.ref), 1)
    return request


def test_a_training_gives_the_generator_an_inverter(scene: Scene, trained: InverterRequest) -> None:
    """It is stored below its generator, under its digest, where fits find it; the losses are reported."""
    outcome = outcome_of(scene, trained)
    assert outcome.inverter is not None, outcome.error
    assert records.read_inverters(scene.machine.store, DEFAULT_TENANT, GENERATOR) == [
        outcome.inverter
    ]
    assert outcome.inverter.generator_digest == trained.generator.digest
    assert outcome.metrics is not None
    assert set(outcome.metrics.losses) >= {"total", "code", "image"}


def test_an_inverter_of_a_built_in_generator_belongs_to_its_tenant(scene: Scene) -> None:
    """Its weights too. Fits of other tenants do not find it."""
    store = scene.machine.store
    request = request_inverter(scene).model_copy(update={"tenant": "bob"})
    records.write(store, keys.job_request(request.ref), request)
    inverters.run(scene.machine, str(request.ref), 1)
    inverter = outcome_of(scene, request).inverter
    assert inverter is not None, outcome_of(scene, request).error
    assert all(half.key.startswith("tenants/bob/") for half in inverter.weights.halves)
    generator = records.read_generator(store, "bob", GENERATOR)
    assert generator is not None
    assert read_inverter(store, "bob", generator, inverter.digest) == inverter
    with pytest.raises(InputMissing):
        read_inverter(store, DEFAULT_TENANT, generator, inverter.digest)


def test_a_drained_training_resumes_at_its_step(
    scene: Scene, trained: InverterRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resumed training takes the same steps and gives the same encoder as an uninterrupted one."""
    request = request_inverter(scene)
    steps: list[int] = []
    step = EncoderTraining.step

    def drain_after_two(training: EncoderTraining) -> None:
        step(training)
        steps.append(training.images_seen)
        if len(steps) == 2:
            scene.machine.pulse.drain()

    monkeypatch.setattr(EncoderTraining, "step", drain_after_two)
    with pytest.raises(Drained):
        inverters.run(scene.machine, str(request.ref), 1)
    assert len(scratch(scene, request)) == 1
    scene.machine.pulse.is_draining = False
    inverters.run(scene.machine, str(request.ref), 2)
    assert steps == [4, 8, 12, 16]
    first, second = (outcome_of(scene, one).inverter for one in (trained, request))
    assert first == second
    assert scratch(scene, request) == []


def test_a_training_is_cancelled_between_two_steps(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as cancelled, without an inverter and without a saved state."""
    request = request_inverter(scene)
    step = EncoderTraining.step

    def cancel_first(training: EncoderTraining) -> None:
        scene.cancel(request.ref)
        step(training)

    monkeypatch.setattr(EncoderTraining, "step", cancel_first)
    inverters.run(scene.machine, str(request.ref), 1)
    assert outcome_of(scene, request).status is JobStatus.CANCELLED
    assert records.read_inverters(scene.machine.store, DEFAULT_TENANT, GENERATOR) == []
    assert scratch(scene, request) == []


def test_a_training_without_its_generator_fails(scene: Scene) -> None:
    """A generator that was deleted meanwhile is a wrong input, not a machine failure."""
    request = request_inverter(scene)
    scene.machine.store.delete(keys.manifest(DEFAULT_TENANT, "generators", GENERATOR))
    inverters.run(scene.machine, str(request.ref), 1)
    error = outcome_of(scene, request).error
    assert error is not None
    assert (error.code, error.retryable) == ("input_missing", False)
