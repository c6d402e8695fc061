"""A training that starts from another generator."""

import pytest
import torch

from contracts.generators.generator import GeneratorManifest
from models.adversarial.gan_training import AdversarialTraining
from models.generators.diffusion.training import DiffusionTraining
from models.serialization import unpack
from tests.workers.training.image_archives import image_files, request_training, zipped
from tests.workers.training.test_generators import run
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure 8 samples."""
    for training in (AdversarialTraining, DiffusionTraining):
        monkeypatch.setattr(training, "measured_samples", 8)


def weights_of(machine: Machine, manifest: GeneratorManifest) -> torch.Tensor:
    """Return the weights of a trained generator in one row."""
    assert manifest.generator is not None, manifest.error
    tensors = unpack(read_artefact(machine.store, manifest.generator.weights.tensors))
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.parametrize("family", ["stylegan2", "diffusion"])
def test_a_training_starts_from_another_generator(machine: Machine, family: str) -> None:
    """After one step its weights are near those of the start, although its seed is another one."""
    options = {"family": family, "images": 8, "snapshot_images": 8}
    options |= {"inverter_images": 0} if family == "stylegan2" else {"inverter_images": None}
    first = run(machine, request_training(machine, zipped(image_files()), **options))
    assert first.generator is not None, first.error
    start = {"start_from": first.generator.id, "seed": 5}
    warm = run(machine, request_training(machine, zipped(image_files()), **options, **start))
    begun = weights_of(machine, first)
    assert (weights_of(machine, warm) - begun).norm() < 0.1 * begun.norm()
    assert warm.generator is not None
    assert warm.generator.source.endswith(f"starting from '{first.generator.id}'")


def test_a_start_of_another_size_is_refused(machine: Machine) -> None:
    """The message names the size of the start, and the option."""
    first = run(machine, request_training(machine, zipped(image_files()), inverter_images=0))
    assert first.generator is not None
    request = request_training(machine, zipped(image_files()), px=32, start_from=first.generator.id)
    error = run(machine, request).error
    assert error is not None
    assert error.code == "invalid_images"
    assert "(16x16 px) have other sizes" in error.detail


def test_a_deleted_start_ends_the_training(machine: Machine) -> None:
    """The request named a generator that is no longer in the store."""
    request = request_training(machine, zipped(image_files()), start_from="gone-64")
    error = run(machine, request).error
    assert error is not None
    assert error.code == "input_missing"
