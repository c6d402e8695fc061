"""The generator's update: the loss, the path-length regularizer, and the mean of w."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from models.adversarial.discriminator_step import augmented
from models.adversarial.losses import (
    generator_loss,
    hinge_generator_loss,
    path_lengths,
    relativistic_generator_loss,
)
from models.adversarial.mixing import mixed_codes
from models.adversarial.options import AdversarialOptions
from models.adversarial.projected import project
from models.adversarial.state import AdversarialState, Projection, optimizer_step
from models.arrays import Images, StyleCodes
from models.parallel import average


def update_generator(
    state: AdversarialState, reals: Images, options: AdversarialOptions
) -> dict[str, float]:
    """Train the generator against the discriminator; return its loss by name."""
    state.generator_optimizer.zero_grad(set_to_none=True)
    ws = mixed_codes(state.generator, len(reals), options.style_mixing)
    _update_w_mean(state, ws, options)
    fakes = state.generator.synthesize(ws, options.noise).images
    terms = []
    if options.discriminators != "projected":
        terms.append(_plain_loss(state, reals, fakes, options))
    if state.projection is not None:
        terms.append(options.projected_weight * _projected_loss(state, state.projection, fakes))
    loss = torch.stack(terms).sum()
    loss.backward()
    optimizer_step(state.generator, state.generator_optimizer)
    if options.path_length_weight and state.steps % options.path_length_interval == 0:
        _penalise_path_length(state, len(reals), options)
    return {"generator": loss.item()}


def _plain_loss(
    state: AdversarialState, reals: Images, fakes: Images, options: AdversarialOptions
) -> Float[Tensor, ""]:
    with _frozen(state.discriminator):
        fake_logits = state.discriminator(augmented(state, fakes))
    if options.loss == "r3gan":
        with torch.no_grad():  # the reals are constants for the generator
            real_logits = state.discriminator(augmented(state, reals))
        return relativistic_generator_loss(real_logits, fake_logits)
    return generator_loss(fake_logits)


def _projected_loss(
    state: AdversarialState, projection: Projection, fakes: Images
) -> Float[Tensor, ""]:
    taps = project(projection.network, augmented(state, fakes))
    with _frozen(projection.discriminator.heads):
        return hinge_generator_loss(projection.discriminator(taps))


@contextmanager
def _frozen(network: torch.nn.Module) -> Iterator[None]:
    """Let gradients pass through the network to its input, but not to its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _penalise_path_length(state: AdversarialState, count: int, options: AdversarialOptions) -> None:
    """Take a separate optimizer step on the path-length regularizer (StyleGAN2, equation 4)."""
    state.generator_optimizer.zero_grad(set_to_none=True)
    # Half a batch, as in the published code.
    ws = mixed_codes(state.generator, max(count // 2, 1), options.style_mixing)
    lengths = path_lengths(state.generator.synthesize(ws, options.noise).images, ws)
    mean = average(lengths.detach().mean(dim=0, keepdim=True)).item()
    # a, the moving average of the lengths; 0.01 as in the published code
    state.mean_path_length += 0.01 * (mean - state.mean_path_length)
    # equation 4: E[(|J_w^T y| - a)^2]
    penalty = (lengths - state.mean_path_length).square().mean()
    weight = options.path_length_weight * options.path_length_interval
    (penalty * weight).backward()
    optimizer_step(state.generator, state.generator_optimizer)


def _update_w_mean(state: AdversarialState, ws: StyleCodes, options: AdversarialOptions) -> None:
    # The first layer's code is never mixed: [n, num_ws, w_dim] => [w_dim]
    mean = average(ws[:, 0].detach().mean(dim=0))
    state.generator.mapping.w_mean.lerp_(mean, 1.0 - options.w_mean_decay)
