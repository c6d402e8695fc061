"""The training of a generator as a job: its result, its continuation after a kill, its early ends."""

import math
from collections.abc import Callable

import pytest
import torch

from contracts.base import now
from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.generators.training import TrainingReport
from contracts.jobs import Cancellation, JobStatus
from models.adversarial.gan_training import AdversarialTraining
from models.arrays import Images
from state import keys, records
from tests.workers.training.image_archives import image_files, request_training, zipped
from workers.families.family import load_generator
from workers.families.stylegan2 import StyleGan2
from workers.families.table import FAMILIES
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.training import generators

Losses = dict[str, float]


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure 32 samples instead of 2,000."""
    monkeypatch.setattr(AdversarialTraining, "measured_samples", 32)


def manifest_of(machine: Machine, request: GeneratorRequest) -> GeneratorManifest:
    """Return the manifest of a training that has ended."""
    manifest = records.read_manifest(machine.store, request.ref, GeneratorManifest)
    assert manifest is not None
    return manifest


def run(machine: Machine, request: GeneratorRequest) -> GeneratorManifest:
    """Run a training to its end."""
    generators.run(machine, str(request.ref), 1)
    return manifest_of(machine, request)


def scratch(machine: Machine, request: GeneratorRequest) -> set[str]:
    """Return the names of the objects that are kept for the next attempt."""
    infos = machine.store.list(keys.job_scratch(request.ref))
    return {info.key.rpartition("/")[2] for info in infos}


def after_step(monkeypatch: pytest.MonkeyPatch, change: Callable[[int, Losses], Losses]) -> None:
    """Call `change` with the images seen and the losses of every step; its result replaces the losses."""
    step = AdversarialTraining.step

    def changed(training: AdversarialTraining, reals: Images) -> Losses:
        losses = step(training, reals)
        return change(training.images_seen, losses)

    monkeypatch.setattr(AdversarialTraining, "step", changed)


def test_images_become_a_generator_with_an_inverter(machine: Machine) -> None:
    """Snapshots are reported with sheets; the archive and the scratch files are deleted."""
    request = request_training(machine, zipped(image_files()))
    manifest = run(machine, request)
    generator, report = manifest.generator, manifest.training
    assert generator is not None, manifest.error
    assert (generator.height_px, generator.width_px, generator.architecture) == (
        16,
        16,
        "stylegan2-skip",
    )
    assert generator.discriminator is not None
    assert load_generator(machine.loader, FAMILIES, generator).layout.image_px == (16, 16)
    [inverter] = records.read_inverters(machine.store, request.tenant, request.id)
    assert inverter.generator_digest == generator.digest
    assert report is not None
    assert [each.images_seen for each in report.snapshots] == [16, 32]
    assert (report.num_images, report.images_seen) == (12, 32)
    assert report.expected_seconds is not None
    assert "12 images, all of 16x16 px (height x width)" in report.facts
    assert any("12 images are few" in warning for warning in report.warnings)
    assert read_artefact(machine.store, report.snapshots[0].sheet).startswith(b"\x89PNG")
    assert request.original is not None
    assert machine.store.head(request.original.key) is None
    assert scratch(machine, request) == set()


def test_a_drained_training_resumes_with_the_same_result(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights equal those of an uninterrupted training, and no snapshot is reported twice."""
    first = run(machine, request_training(machine, zipped(image_files())))
    request = request_training(machine, zipped(image_files()))
    seen: list[int] = []

    def drain_at_24(images_seen: int, losses: Losses) -> Losses:
        seen.append(images_seen)
        if seen == [8, 16, 24]:
            machine.pulse.drain()
        return losses

    after_step(monkeypatch, drain_at_24)
    with pytest.raises(Drained):
        generators.run(machine, str(request.ref), 1)
    assert "training.pt" in scratch(machine, request)
    assert machine.ledger.has_saved_work(request.ref)
    machine.pulse.is_draining = False
    second = run(machine, request)
    assert seen == [8, 16, 24, 32]
    assert first.generator is not None
    assert second.generator is not None
    assert first.generator.digest == second.generator.digest
    assert second.training is not None
    assert [each.images_seen for each in second.training.snapshots] == [16, 32]


def test_a_killed_inverter_resumes_without_training_the_generator_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt takes no step of the generator."""
    request = request_training(machine, zipped(image_files()))
    with monkeypatch.context() as patched:
        patched.setattr(generators, "train_encoder", _fail)
        with pytest.raises(OSError, match="worker lost"):
            generators.run(machine, str(request.ref), 1)
    after_step(monkeypatch, lambda _seen, _losses: pytest.fail("a step of the generator"))
    assert run(machine, request).status is JobStatus.SUCCEEDED


def _fail(*_: object, **__: object) -> None:
    raise OSError("worker lost")


def test_a_stopped_training_keeps_its_best_snapshot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after the step at which it was stopped, and succeeds."""
    request = request_training(machine, zipped(image_files()), images=10_000)
    monkeypatch.setattr("workers.training.generator_loop.CHECK_STOP_SECONDS", 0.0)

    def stop_at_24(images_seen: int, losses: Losses) -> Losses:
        if images_seen == 24:
            stop = Cancellation(requested_at=now())
            records.create(machine.store, keys.training_stop(request.ref), stop)
        return losses

    after_step(monkeypatch, stop_at_24)
    manifest = run(machine, request)
    assert manifest.status is JobStatus.SUCCEEDED
    assert manifest.training is not None
    assert [each.images_seen for each in manifest.training.snapshots] == [16, 24]


def test_a_training_is_cancelled_between_two_steps(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends without a generator and without scratch files."""
    request = request_training(machine, zipped(image_files()))

    def cancel(_images_seen: int, losses: Losses) -> Losses:
        cancellation = Cancellation(requested_at=now())
        records.create(machine.store, keys.job_cancel(request.ref), cancellation)
        return losses

    after_step(monkeypatch, cancel)
    monkeypatch.setattr("workers.runtime.jobs.CHECK_EVERY_SECONDS", 0.0)
    manifest = run(machine, request)
    assert (manifest.status, manifest.generator) == (JobStatus.CANCELLED, None)
    assert scratch(machine, request) == set()


@pytest.mark.parametrize(("at", "status"), [(8, JobStatus.FAILED), (24, JobStatus.SUCCEEDED)])
def test_a_training_that_diverges_ends_with_the_best_snapshot_before(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, at: int, status: JobStatus
) -> None:
    """Without a snapshot it fails and says what to do; with one it succeeds with a warning."""
    request = request_training(machine, zipped(image_files()))
    after_step(
        monkeypatch,
        lambda seen, losses: {"generator": math.nan} if seen == at else losses,
    )
    manifest = run(machine, request)
    assert manifest.status is status
    if manifest.error is not None:
        assert "Training diverged" in manifest.error.detail
        assert "smaller px, more images, or another seed" in manifest.error.detail
    else:
        assert manifest.training is not None
        assert "Training diverged" in manifest.training.warnings[-1]


def test_weights_that_are_not_finite_leave_the_best_snapshot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses are finite, but the last step has broken the discriminator: both networks stay those before it."""
    step = AdversarialTraining.step

    def broken(training: AdversarialTraining, reals: Images) -> Losses:
        losses = step(training, reals)
        if training.images_seen == 32:
            next(training.state.discriminator.parameters()).data.fill_(math.nan)
        return losses

    monkeypatch.setattr(AdversarialTraining, "step", broken)
    monkeypatch.setattr(AdversarialTraining, "keeps_latest", True)  # every snapshot is kept
    manifest = run(machine, request_training(machine, zipped(image_files()), inverter_images=0))
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.training is not None
    assert [each.images_seen for each in manifest.training.snapshots] == [16]
    assert "Training diverged" in manifest.training.warnings[-1]


def test_a_failed_inverter_does_not_lose_the_generator(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training succeeds without an inverter, with a warning: another inverter can be trained later."""

    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(StyleGan2, "train_inverter", fail)
    request = request_training(machine, zipped(image_files()))
    manifest = run(machine, request)
    assert manifest.generator is not None, manifest.error
    assert manifest.training is not None
    assert "The inverter failed" in manifest.training.warnings[-1]
    assert f"/v1/generators/{request.id}/inverters" in manifest.training.warnings[-1]
    assert records.read_inverters(machine.store, request.tenant, request.id) == []


def test_hours_end_a_training(machine: Machine) -> None:
    """A budget of a thousandth of an hour is spent after some steps; the last one is measured."""
    request = request_training(
        machine, zipped(image_files()), images=None, hours=0.001, snapshot_images=None
    )
    manifest = run(machine, request)
    assert manifest.training is not None, manifest.error
    assert manifest.training.snapshots[-1].images_seen == manifest.training.images_seen
    assert manifest.training.seconds >= 0.001 * 3600 * 0.75


def test_slow_measurements_make_snapshots_rare(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a share of the time is spent on default snapshots: if it is tiny, there are a first and a last one."""
    monkeypatch.setattr("workers.training.generator_loop.LONGEST_SHARE", 1e-9)
    request = request_training(
        machine, zipped(image_files()), snapshot_images=None, images=64, inverter_images=0
    )
    manifest = run(machine, request)
    assert manifest.training is not None, manifest.error
    assert [each.images_seen for each in manifest.training.snapshots] == [8, 64]


def test_grey_images_train_one_channel(machine: Machine) -> None:
    """The generator's configuration has one image channel."""
    manifest = run(machine, request_training(machine, zipped(image_files(grey=True))))
    assert manifest.generator is not None, manifest.error
    config = read_artefact(machine.store, manifest.generator.weights.config)
    assert b'"image_channels": 1' in config


def test_the_report_is_published_before_the_first_snapshot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three steps a running training shows what it expects."""
    request = request_training(machine, zipped(image_files()), snapshot_images=None, images=64)
    reports: list[TrainingReport | None] = []

    def look(_seen: int, losses: Losses) -> Losses:
        key = keys.training_report(request.ref)
        reports.append(records.read(machine.store, key, TrainingReport))
        return losses

    after_step(monkeypatch, look)
    run(machine, request)
    first, fourth = reports[0], reports[3]
    assert first is not None
    assert first.expected_seconds is None
    assert fourth is not None
    assert fourth.expected_seconds is not None
    assert fourth.total_images == 64


def test_unreadable_images_fail_the_job_with_their_names(machine: Machine) -> None:
    """The error is not retryable, and the archive is deleted."""
    files = {**image_files(), "images/07.png": b"no image", "images/08.png": b"nor this"}
    request = request_training(machine, zipped(files))
    manifest = run(machine, request)
    assert manifest.error is not None
    assert manifest.error.code == "invalid_images"
    assert "images/07.png" in manifest.error.detail
    assert "images/08.png" in manifest.error.detail
    assert request.original is not None
    assert machine.store.head(request.original.key) is None
