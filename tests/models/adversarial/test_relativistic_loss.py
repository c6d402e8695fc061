"""Promises of the loss `r3gan`: equal to its formula, penalties on both kinds of images, resuming, processes."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from models.adversarial.losses import (
    gradient_penalty,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from models.adversarial.training import (
    AdversarialOptions,
    AdversarialState,
    mixed_codes,
    start,
    training_step,
)
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator

CPU = torch.device("cpu")
GENERATOR = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2)
DISCRIMINATOR = DiscriminatorConfig(channels=(8, 8))
OPTIONS = AdversarialOptions(loss="r3gan", r1_interval=2, augmentation_target=0.6)
EVERY_STEP = AdversarialOptions(loss="r3gan", r1_interval=1, r1_gamma=0.5)


def new_state(options: AdversarialOptions) -> AdversarialState:
    """Return tiny networks of a fixed seed."""
    torch.manual_seed(0)
    return start(GENERATOR, DISCRIMINATOR, options, CPU)


def test_the_losses_compare_pairs() -> None:
    """Values and gradients are those of -log sigmoid of the difference; a common offset changes nothing."""
    real = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    fake = torch.tensor([1.5, -2.0, 0.0], requires_grad=True)
    for loss, sign in ((relativistic_discriminator_loss, 1.0), (relativistic_generator_loss, -1.0)):
        difference = sign * (real - fake).detach()
        value = loss(real, fake)
        assert value.item() == pytest.approx(-torch.sigmoid(difference).log().mean().item())
        assert torch.allclose(loss(real + 7.0, fake + 7.0), value)
        gradient_real, gradient_fake = torch.autograd.grad(value, (real, fake))
        expected = -sign * torch.sigmoid(-difference) / 3
        assert torch.allclose(gradient_real, expected)
        assert torch.allclose(gradient_fake, -expected)


def test_a_step_has_the_gradients_of_the_written_formula() -> None:
    """Discriminator: pairs + gamma / 2 (R1 + R2) in one step; generator: pairs, with the new discriminator."""
    state, reals = new_state(EVERY_STEP), torch.randn(4, 3, 8, 8)
    before, rng = copy.deepcopy(state), torch.get_rng_state()
    training_step(state, reals, EVERY_STEP)

    torch.set_rng_state(rng)
    generator, discriminator = before.generator, before.discriminator
    ws = mixed_codes(generator, 4, EVERY_STEP.style_mixing)
    fakes = generator.synthesize(ws, "none").images.detach()
    difference = discriminator(reals) - discriminator(fakes)
    loss = (1 + (-difference).exp()).log().mean()
    for images in (reals.clone().requires_grad_(), fakes.clone().requires_grad_()):
        (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
        loss = loss + 0.25 * slope.flatten(1).pow(2).sum(dim=1).mean()
    gradients = torch.autograd.grad(loss, list(discriminator.parameters()))
    for gradient, parameter in zip(gradients, state.discriminator.parameters(), strict=True):
        assert parameter.grad is not None
        assert torch.allclose(gradient, parameter.grad, rtol=1e-3, atol=1e-6)

    ws = mixed_codes(generator, 4, EVERY_STEP.style_mixing)
    fakes = generator.synthesize(ws, "none").images
    difference = state.discriminator(fakes) - state.discriminator(reals)
    loss = (1 + (-difference).exp()).log().mean()
    names = [name for name, p in state.generator.named_parameters() if p.grad is not None]
    parameters = [generator.get_parameter(name) for name in names]
    gradients = torch.autograd.grad(loss, parameters)
    for name, gradient in zip(names, gradients, strict=True):
        actual = state.generator.get_parameter(name).grad
        assert actual is not None
        assert torch.allclose(gradient, actual, rtol=1e-3, atol=1e-6), name


def test_a_constant_discriminator_has_no_penalty() -> None:
    """D(x) = 3 + 0 <1, x>: its gradient is zero."""

    class Constant(Discriminator):
        def forward(
            self, images: torch.Tensor, classes: torch.Tensor | None = None
        ) -> torch.Tensor:
            return 3.0 + 0.0 * images.flatten(1).sum(dim=1)

    assert gradient_penalty(Constant(DISCRIMINATOR), torch.randn(2, 3, 8, 8)).item() == 0.0


@pytest.mark.parametrize("interval", [1, 2])
def test_a_resumed_training_equals_an_uninterrupted_one(interval: int) -> None:
    """Three steps equal one step, a checkpoint loaded into new networks, and two steps, bit by bit."""
    options = replace(OPTIONS, r1_interval=interval)
    uninterrupted, reals = new_state(options), torch.randn(4, 3, 8, 8)
    training_step(uninterrupted, reals, options)
    saved, rng = copy.deepcopy(uninterrupted.state_dict()), torch.get_rng_state()
    resumed = start(GENERATOR, DISCRIMINATOR, options, CPU)
    resumed.load_state_dict(saved)
    for state in (uninterrupted, resumed):
        torch.set_rng_state(rng)
        for _ in range(2):
            training_step(state, reals, options)
    for name in ("generator", "discriminator", "average"):
        tensors = getattr(resumed, name).state_dict()
        for key, tensor in getattr(uninterrupted, name).state_dict().items():
            assert torch.equal(tensor, tensors[key]), (name, key)
    assert resumed.augmentation == uninterrupted.augmentation


def test_augmentation_follows_the_order_of_pairs() -> None:
    """A large offset of all logits does not raise p: only the difference of real and generated counts."""
    options = replace(OPTIONS, augmentation_target=0.6, learning_rate=1e-12)
    state = new_state(options)
    state.augmentation = 0.5
    # Reals like the generated images: about half of the pairs have each order, so r_t is below 0.6.
    reals = state.generator.synthesize(mixed_codes(state.generator, 64, 0.0), "none").images
    with torch.no_grad():
        list(state.discriminator.parameters())[-1].add_(100.0)  # the bias of the logit
        assert (state.discriminator(reals) > 0).all()
    training_step(state, reals.detach(), options)
    assert state.augmentation < 0.5


def join(rank: int, rendezvous: str, folder: str) -> None:
    """Run one of two processes: two steps on its share of the batch; save its weights."""
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    state = new_state(OPTIONS)
    torch.manual_seed(rank)
    for _ in range(2):
        training_step(state, torch.randn(2, 3, 8, 8), OPTIONS)
    torch.save(state.state_dict(), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_keep_equal_networks(tmp_path: Path) -> None:
    """Different images and latents, the same weights and p."""
    rendezvous = f"file://{tmp_path / 'rendezvous'}"
    spawn(join, (rendezvous, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert first["augmentation"] == second["augmentation"]
    assert first["images_seen"] == 8
    for name in ("generator", "discriminator", "average"):
        for key, tensor in first[name].items():
            assert torch.equal(tensor, second[name][key]), (name, key)
