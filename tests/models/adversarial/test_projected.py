"""Promises of the projected discriminator: sizes, what is trained and what is frozen, resuming, clear errors."""

import copy
from dataclasses import replace

import pytest
import torch

from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.losses import hinge_discriminator_loss, hinge_generator_loss
from models.adversarial.options import Discriminators
from models.adversarial.projected import (
    TAPS,
    FeatureMixing,
    ProjectedDiscriminator,
    enlarged_px,
    project,
    tap_px,
)
from models.adversarial.training import AdversarialOptions, AdversarialState, start, training_step
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.inversion.squeezenet import SqueezeNet, SqueezeNetConfig

CPU = torch.device("cpu")
GENERATOR = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2)
DISCRIMINATOR = DiscriminatorConfig(channels=(8, 8))
OPTIONS = AdversarialOptions(discriminators="both", r1_interval=2, augmentation_target=0.6)
REALS = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def pretrained() -> SqueezeNet:
    """Return a frozen SqueezeNet of random weights."""
    torch.manual_seed(0)
    return SqueezeNet(SqueezeNetConfig()).eval().requires_grad_(False)


def new_state(options: AdversarialOptions, pretrained: SqueezeNet | None) -> AdversarialState:
    """Return tiny networks of a fixed seed."""
    torch.manual_seed(0)
    return start(GENERATOR, DISCRIMINATOR, options, CPU, pretrained)


@pytest.mark.parametrize("px", [(8, 8), (32, 16), (80, 66)])
def test_every_scale_has_its_logits(pretrained: SqueezeNet, px: tuple[int, int]) -> None:
    """Predicted sizes of the taps are the real ones; every image has the same number of logits."""
    taps = project(pretrained, torch.zeros(2, 3, *px))
    assert [tuple(tap.shape[2:]) for tap in taps] == tap_px(enlarged_px(px))
    assert min(enlarged_px(px)) >= 64
    logits = ProjectedDiscriminator(px)(taps)
    assert logits.shape[0] == 2
    assert logits.shape[1] > len(TAPS)


def test_the_smallest_scale_reaches_the_largest(pretrained: SqueezeNet) -> None:
    """Another map at the smallest scale changes every mixed scale; another at the largest changes only its own."""
    mixing, taps = FeatureMixing(), project(pretrained, REALS)
    mixing.calibrate(taps)
    before = mixing(taps)
    for changed, expected in ((TAPS[-1], [True] * 4), (TAPS[0], [True, False, False, False])):
        others = list(taps)
        others[changed] = torch.rand(taps[changed].shape)
        after = mixing(others)
        assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == expected


def test_calibration_brings_every_scale_near_one(pretrained: SqueezeNet) -> None:
    """Taps a thousand times as large give the same mixed maps, with mean squares around 1."""
    mixing, taps = FeatureMixing(), project(pretrained, REALS)
    mixing.calibrate(taps)
    small = mixing(taps)
    larger = [tap * 1000.0 for tap in taps]
    mixing.calibrate(larger)
    for before, after in zip(small, mixing(larger), strict=True):
        assert torch.allclose(before, after, rtol=1e-2, atol=1e-2)
        assert 0.1 < after.square().mean().item() < 10.0


def test_the_hinge_ends_at_a_margin_of_one() -> None:
    """Logits beyond the margin cost nothing; the generator's loss is the negative mean."""
    real, fake = torch.tensor([[2.0, 0.5]]), torch.tensor([[-3.0, 1.0]])
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx(0.25 + 1.0)
    assert hinge_generator_loss(fake).item() == pytest.approx(1.0)


@pytest.mark.parametrize("discriminators", ["projected", "both"])
def test_a_step_trains_the_heads_and_not_the_features(
    pretrained: SqueezeNet, discriminators: Discriminators
) -> None:
    """SqueezeNet and the random mixing keep their weights; the plain discriminator trains only with `both`."""
    options = replace(OPTIONS, discriminators=discriminators)
    state = new_state(options, pretrained)
    projection = state.projection
    assert projection is not None
    watched = {
        "generator": state.generator,
        "plain": state.discriminator,
        "heads": projection.discriminator.heads,
        "mixing": projection.discriminator.mixing.across_scales,
        "features": projection.network,
    }
    before = {name: copy.deepcopy(network.state_dict()) for name, network in watched.items()}
    losses = training_step(state, REALS, options)
    changed = {
        name
        for name, network in watched.items()
        if any(
            not torch.equal(tensor, before[name][k]) for k, tensor in network.state_dict().items()
        )
    }
    assert changed == {"generator", "heads"} | ({"plain"} if discriminators == "both" else set())
    assert all(torch.isfinite(torch.tensor(value)) for value in losses.values())


def test_the_projected_loss_has_its_weight(pretrained: SqueezeNet) -> None:
    """With weight 0 the generator's gradient is that of the plain discriminator alone; with 1 it is another."""
    gradients = {}
    for name, options in {
        "plain": replace(OPTIONS, discriminators="plain"),
        "0": replace(OPTIONS, projected_weight=0.0),
        "1": OPTIONS,
    }.items():
        state = new_state(options, None if name == "plain" else pretrained)
        torch.manual_seed(1)
        training_step(state, REALS, replace(options, style_mixing=0.0))
        gradient = state.generator.get_parameter("blocks.1.conv1.weight").grad
        assert gradient is not None
        gradients[name] = gradient
    assert torch.allclose(gradients["plain"], gradients["0"], atol=1e-6)
    assert not torch.allclose(gradients["plain"], gradients["1"], atol=1e-6)


def test_a_resumed_training_equals_an_uninterrupted_one(pretrained: SqueezeNet) -> None:
    """Three steps equal one step, a checkpoint loaded into new networks, and two steps, bit by bit."""
    uninterrupted = new_state(OPTIONS, pretrained)
    training_step(uninterrupted, REALS, OPTIONS)
    saved, rng = copy.deepcopy(uninterrupted.state_dict()), torch.get_rng_state()
    resumed = start(GENERATOR, DISCRIMINATOR, OPTIONS, CPU, pretrained)
    resumed.load_state_dict(saved)
    for state in (uninterrupted, resumed):
        torch.set_rng_state(rng)
        for _ in range(2):
            training_step(state, REALS, OPTIONS)
    for part in ("average", "projected"):
        expected = uninterrupted.state_dict()[part]
        for name, tensor in resumed.state_dict()[part].items():
            assert torch.equal(tensor, expected[name]), (part, name)


def test_checkpoints_hold_no_pretrained_weights(pretrained: SqueezeNet) -> None:
    """The operator's weights stay in the operator's file."""
    projected = new_state(OPTIONS, pretrained).state_dict()["projected"]
    assert {name.split(".")[0] for name in projected} == {"mixing", "heads"}


def test_the_plain_networks_start_equally(pretrained: SqueezeNet) -> None:
    """The same seed gives the same generator with and without a projection."""
    plain = new_state(replace(OPTIONS, discriminators="plain"), None).generator.state_dict()
    both = new_state(OPTIONS, pretrained).generator.state_dict()
    assert all(torch.equal(tensor, both[name]) for name, tensor in plain.items())


def test_missing_weights_and_other_checkpoints_are_named(pretrained: SqueezeNet) -> None:
    """No SqueezeNet, and a checkpoint with or without the projected discriminator where the other is expected."""
    with pytest.raises(ValueError, match=r"weights of SqueezeNet 1\.1"):
        new_state(OPTIONS, None)
    plain = new_state(replace(OPTIONS, discriminators="plain"), None)
    both = new_state(OPTIONS, pretrained)
    with pytest.raises(RuntimeError, match="checkpoint has none and this training one"):
        both.load_state_dict(plain.state_dict())
    with pytest.raises(RuntimeError, match="checkpoint has one and this training none"):
        plain.load_state_dict(both.state_dict())


def test_a_fixed_augmentation_stays() -> None:
    """Without a target p is the option's in every step."""
    options = replace(OPTIONS, discriminators="plain", augmentation=0.3, augmentation_target=None)
    state = new_state(options, None)
    training_step(state, REALS, options)
    assert state.augmentation == 0.3


@pytest.mark.parametrize(
    ("discriminators", "names"),
    [("projected", ["generator"]), ("both", ["generator", "discriminator"])],
)
def test_only_trained_networks_are_published(
    discriminators: Discriminators, names: list[str], pretrained: SqueezeNet
) -> None:
    """With the projected discriminator alone, the plain one keeps its random weights: no distance for a fit."""
    options = replace(OPTIONS, discriminators=discriminators)
    training = AdversarialTraining(GENERATOR, DISCRIMINATOR, options, CPU, pretrained)
    training.step(REALS)
    assert [network.name for network in training.networks()] == names
