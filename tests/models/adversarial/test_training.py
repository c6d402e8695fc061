"""Promises of adversarial training: a step changes both networks, checkpoints restore it, penalties are exact."""

import copy
from dataclasses import replace

import pytest
import torch

from models.adversarial import augmentation
from models.adversarial.augmentation import augment, next_probability
from models.adversarial.frechet import frechet_distance, random_features
from models.adversarial.losses import path_lengths, r1_penalty
from models.adversarial.training import AdversarialOptions, mixed_codes, start, training_step
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator

CPU = torch.device("cpu")
GENERATOR = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2)
DISCRIMINATOR = DiscriminatorConfig(channels=(8, 8))
OPTIONS = AdversarialOptions(
    r1_interval=2, path_length_weight=2.0, path_length_interval=2, augmentation_target=0.6
)


def test_a_resumed_training_equals_an_uninterrupted_one() -> None:
    """Three steps equal one step, a checkpoint loaded into new networks, and two steps."""
    torch.manual_seed(0)
    reals = torch.randn(4, 3, 8, 8)
    uninterrupted = start(GENERATOR, DISCRIMINATOR, OPTIONS, CPU)
    training_step(uninterrupted, reals, OPTIONS)
    saved, rng = copy.deepcopy(uninterrupted.state_dict()), torch.get_rng_state()
    resumed = start(GENERATOR, DISCRIMINATOR, OPTIONS, CPU)
    resumed.load_state_dict(saved)
    for state in (uninterrupted, resumed):
        torch.set_rng_state(rng)
        for _ in range(2):
            training_step(state, reals, OPTIONS)
    for name, tensor in uninterrupted.average.state_dict().items():
        assert torch.equal(tensor, resumed.average.state_dict()[name]), name
    assert resumed.images_seen == 12


def test_a_step_changes_both_networks_and_the_average() -> None:
    """Losses are finite and every network has new weights."""
    state = start(GENERATOR, DISCRIMINATOR, OPTIONS, CPU)
    before = {
        part: copy.deepcopy(getattr(state, part).state_dict())
        for part in ("generator", "discriminator", "average")
    }
    losses = training_step(state, torch.randn(4, 3, 8, 8), OPTIONS)
    assert all(torch.isfinite(torch.tensor(value)) for value in losses.values())
    for part, old in before.items():
        new = getattr(state, part).state_dict()
        assert any(not torch.equal(old[name], new[name]) for name in old), part


def test_r1_of_a_linear_discriminator_is_its_squared_weight() -> None:
    """For D(x) = <a, x> the gradient is a everywhere."""

    class Linear(Discriminator):
        def forward(
            self, images: torch.Tensor, classes: torch.Tensor | None = None
        ) -> torch.Tensor:
            return 3.0 * images.flatten(1).sum(dim=1)

    penalty = r1_penalty(Linear(DISCRIMINATOR), torch.randn(2, 3, 8, 8))
    assert penalty.item() == pytest.approx(9.0 * 3 * 64, rel=1e-5)


def test_path_length_of_a_linear_generator() -> None:
    """For images = s * ws summed into pixels, lengths grow in proportion to s."""
    ws = torch.randn(6, 2, 3, requires_grad=True)
    lengths = []
    for scale in (1.0, 10.0):
        torch.manual_seed(0)
        images = (scale * ws.sum(dim=(1, 2)))[:, None, None, None].expand(6, 3, 8, 8)
        lengths.append(path_lengths(images, ws))
    assert torch.allclose(lengths[0] * 10.0, lengths[1], rtol=1e-4)


def test_style_mixing_switches_once() -> None:
    """At a mixing probability of 1 each code changes between layers exactly once."""
    generator = Generator(GENERATOR)
    ws = mixed_codes(generator, 16, 1.0)
    changes = (ws[:, 1:] != ws[:, :-1]).any(dim=2).sum(dim=1)
    assert set(changes.tolist()) == {1}


def test_augmentation_changes_images_at_p_one_and_not_at_zero() -> None:
    """It keeps the shape and is differentiable."""
    images = torch.rand(4, 3, 8, 8, requires_grad=True)
    assert augment(images, 0.0) is images
    changed = augment(images, 1.0)
    changed.sum().backward()
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)
    assert images.grad is not None


def test_augmentation_rotates_tall_images_without_shear() -> None:
    """In pixels every map is a rotation or reflection times one scale: A A^T is a multiple of the identity."""
    maps = augmentation._affine_maps(torch.zeros(16, 3, 16, 8), 1.0)[:, :, :2]
    pixels = torch.tensor([8 / 2, 16 / 2])  # half a width, half a height
    maps = pixels[:, None] * maps / pixels
    products = maps @ maps.transpose(1, 2)
    scales = products[:, 0, 0]
    assert torch.allclose(products, scales[:, None, None] * torch.eye(2), atol=1e-5)


def test_augmentation_without_hue_keeps_grey_images_grey() -> None:
    """Height and width differ; every transformation is applied, and the channels stay equal."""
    images = torch.rand(8, 1, 16, 8).repeat(1, 3, 1, 1)
    changed = augment(images, 1.0, hue=False)
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)
    assert torch.equal(changed[:, :1].expand(-1, 3, -1, -1), changed)


def test_tall_grey_networks_train() -> None:
    """A step with augmentation and both penalties has finite losses; samples of the average are grey."""
    config = replace(GENERATOR, base_px=(4, 2), image_channels=1)
    state = start(config, replace(DISCRIMINATOR, base_px=(4, 2)), OPTIONS, CPU)
    state.augmentation = 1.0
    reals = torch.randn(4, 1, 8, 4).repeat(1, 3, 1, 1)
    losses = training_step(state, reals, OPTIONS)
    assert all(torch.isfinite(torch.tensor(value)) for value in losses.values())
    samples = state.average(torch.randn(2, 8))
    assert torch.equal(samples[:, :1].expand(-1, 3, -1, -1), samples)
    assert random_features(samples, state.discriminator.config).isfinite().all()


def test_the_augmentation_probability_follows_overfitting() -> None:
    """Logits all positive raise p, all negative lower it; it stays within 0 and 1."""
    step = {"target": 0.6, "speed_kimg": 1.0}
    assert next_probability(0.5, 1.0, batch=10, **step) == pytest.approx(0.51)
    assert next_probability(0.5, -1.0, batch=10, **step) == pytest.approx(0.49)
    assert next_probability(0.0, -1.0, batch=10, **step) == 0.0


def test_frechet_distance_of_shifted_normals_is_the_squared_shift() -> None:
    """For equal covariances it is |mu_a - mu_b|^2, for equal sets 0."""
    torch.manual_seed(0)
    a = torch.randn(500, 4)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(a, a + 2.0) == pytest.approx(16.0, rel=1e-4)


def test_random_features_repeat() -> None:
    """Their weights come from a fixed seed and torch's random state stays unchanged."""
    images = torch.randn(3, 3, 8, 8)
    state = torch.get_rng_state()
    assert torch.equal(
        random_features(images, DISCRIMINATOR), random_features(images, DISCRIMINATOR)
    )
    assert torch.equal(state, torch.get_rng_state())
