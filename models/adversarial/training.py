"""One step of adversarial training and the state it changes. In: a batch of real images. Out: losses by name.

The recipe is StyleGAN2's (arXiv 1912.04958, appendix B): Adam with beta1 = 0, lazy regularization, an exponential
moving average of the generator, style mixing; optionally adaptive augmentation and the path-length regularizer.
Measured at 64 px: 14 to 15 images per second on one CPU core (benchmarks/LOG.md, "second weights").
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from models.adversarial.augmentation import augment, next_probability
from models.adversarial.losses import (
    discriminator_loss,
    generator_loss,
    path_lengths,
    r1_penalty,
)
from models.adversarial.parallel import average, average_gradients, num_processes
from models.arrays import Images, StyleCodes
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator, NoiseMode
from models.generators.stylegan2.layers import channels_last


@dataclass(frozen=True, kw_only=True)
class AdversarialOptions:
    """Hyperparameters. Intervals count steps; half-lives and speeds count thousands of real images (kimg).

    `noise="none"` keeps the strengths of the noise inputs at zero; "random" suits domains with random detail.
    """

    learning_rate: float = 0.0025
    # Close to the rule of the stylegan2-ada code, 0.0002 px^2 / batch: 0.10 at 64 px and batch 8.
    r1_gamma: float = 0.1
    r1_interval: int = 16  # StyleGAN2, section 3.1
    path_length_weight: float = 0.0  # 0 = off
    path_length_interval: int = 4
    style_mixing: float = 0.1  # the probability per sample
    # Published: "random". Portraits have no random detail: with "random" the 64 px layer learned a strength of 0.13
    # and samples had specks; 4,000 images with "none" removed them (LOG.md, "Noise inputs").
    noise: NoiseMode = "none"
    ema_half_life_kimg: float = 5.0
    ema_ramp_up: float = 0.05  # the half-life is at most 5% of the images seen
    w_mean_decay: float = 0.995  # per step
    augmentation_target: float | None = (
        None  # of r_t, see `augmentation.py`; None = no augmentation
    )
    augmentation_speed_kimg: float = 200.0


@dataclass
class AdversarialState:
    """Everything that a checkpoint must hold, so that a resumed training equals an uninterrupted one."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    images_seen: int = 0
    steps: int = 0
    augmentation: float = 0.0  # the probability p
    mean_path_length: float = 0.0  # the constant a of StyleGAN2's equation 4
    last_r1: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        return {**parts, **{name: getattr(self, name) for name in _COUNTERS}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        for name in _COUNTERS:
            setattr(self, name, state[name])


_PARTS = (
    "generator",
    "discriminator",
    "average",
    "generator_optimizer",
    "discriminator_optimizer",
)
_COUNTERS = ("images_seen", "steps", "augmentation", "mean_path_length", "last_r1")


def start(
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
    options: AdversarialOptions,
    device: torch.device,
) -> AdversarialState:
    """Return new networks and optimizers; the weights come from torch's global generator."""
    # NHWC weights: 1.34 and 1.63 times the images per second of a training step on the CPU (LOG.md, first section).
    # `torch.compile` (1.15 times) has no second derivatives, which R1 needs.
    generator = channels_last(Generator(generator_config).to(device))
    discriminator = channels_last(Discriminator(discriminator_config).to(device))
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    return AdversarialState(
        generator=generator,
        discriminator=discriminator,
        average=average,
        generator_optimizer=_lazy_adam(
            generator, options, options.path_length_interval if options.path_length_weight else None
        ),
        discriminator_optimizer=_lazy_adam(discriminator, options, options.r1_interval),
    )


def training_step(
    state: AdversarialState, reals: Images, options: AdversarialOptions
) -> dict[str, float]:
    """Update the discriminator on `reals`, then the generator, then its average; return the losses by name.

    Several processes in one torch process group each pass a different share of the batch; their weights stay equal.
    """
    reals = reals.contiguous(memory_format=torch.channels_last)
    losses = _update_discriminator(state, reals, options)
    losses |= _update_generator(state, len(reals), options)
    batch = len(reals) * num_processes()
    state.images_seen += batch
    state.steps += 1
    _update_average(state, batch, options)
    return losses


def mixed_codes(generator: Generator, count: int, mixing: float) -> StyleCodes:
    """Return W+ codes of new latents; with probability `mixing` the layers after a random one take a second w.

    Mixing regularization (StyleGAN, arXiv 1812.04948, section 3.1).
    """
    config = generator.config
    device = generator.mapping.w_mean.device
    ws = generator.map(torch.randn(count, config.z_dim, device=device))
    if mixing <= 0.0:
        return ws
    others = generator.map(torch.randn(count, config.z_dim, device=device))
    # The first layer that takes the second code, 1 to num_ws - 1; num_ws for a sample without mixing: [n]
    cut = torch.randint(1, config.num_ws, (count,), device=device)
    cut = torch.where(torch.rand(count, device=device) < mixing, cut, config.num_ws)
    layers = torch.arange(config.num_ws, device=device)
    # [1, num_ws] < [n, 1] => [n, num_ws, 1] selects between two codes [n, num_ws, w_dim]
    return torch.where((layers[None] < cut[:, None])[:, :, None], ws, others)


def _lazy_adam(
    network: torch.nn.Module, options: AdversarialOptions, interval: int | None
) -> torch.optim.Adam:
    """Return Adam with rates corrected for a regularizer every `interval` steps (StyleGAN2, appendix B)."""
    # k steps on the loss and one on the regularizer make k + 1 steps of Adam: lr * c and beta^c with
    # c = k / (k + 1) compensate for the additional step. beta1 = 0 stays 0.
    share = interval / (interval + 1) if interval else 1.0
    return torch.optim.Adam(
        network.parameters(), lr=options.learning_rate * share, betas=(0.0, 0.99**share), eps=1e-8
    )


def _update_discriminator(
    state: AdversarialState, reals: Images, options: AdversarialOptions
) -> dict[str, float]:
    with torch.no_grad():  # the generator is not trained here
        ws = mixed_codes(state.generator, len(reals), options.style_mixing)
        fakes = state.generator.synthesize(ws, options.noise).images
    state.discriminator_optimizer.zero_grad(set_to_none=True)
    # Separate batches of fakes and reals, so that the minibatch std compares images of one kind only.
    fake_logits = state.discriminator(_augmented(state, fakes))
    real_logits = state.discriminator(_augmented(state, reals))
    loss = discriminator_loss(real_logits, fake_logits)
    loss.backward()
    average_gradients(state.discriminator)
    state.discriminator_optimizer.step()
    if state.steps % options.r1_interval == 0:
        _penalise_gradient(state, reals, options)
    _update_augmentation(state, real_logits.detach(), options)
    return {"discriminator": loss.item(), "r1": state.last_r1}


def _penalise_gradient(state: AdversarialState, reals: Images, options: AdversarialOptions) -> None:
    """Take a separate optimizer step on the R1 penalty (lazy regularization, StyleGAN2, section 3.1)."""
    state.discriminator_optimizer.zero_grad(set_to_none=True)
    penalty = r1_penalty(state.discriminator, _augmented(state, reals))
    # gamma / 2 of R1's definition, times the number of steps that one penalty stands for
    weight = options.r1_gamma / 2 * options.r1_interval
    (penalty * weight).backward()
    average_gradients(state.discriminator)
    state.discriminator_optimizer.step()
    state.last_r1 = penalty.item()


def _augmented(state: AdversarialState, images: Images) -> Images:
    """Return the images as the discriminator sees them; grey ones keep equal channels."""
    is_grey = state.generator.config.image_channels == 1
    return augment(images, state.augmentation, hue=not is_grey)


def _update_augmentation(
    state: AdversarialState, real_logits: Float[Tensor, " batch"], options: AdversarialOptions
) -> None:
    if options.augmentation_target is not None:
        # r_t over the reals of all processes, so that p stays equal in all of them
        state.augmentation = next_probability(
            state.augmentation,
            average(real_logits.sign().mean(dim=0, keepdim=True)).item(),
            batch=len(real_logits) * num_processes(),
            target=options.augmentation_target,
            speed_kimg=options.augmentation_speed_kimg,
        )


def _update_generator(
    state: AdversarialState, count: int, options: AdversarialOptions
) -> dict[str, float]:
    # Gradients pass through the discriminator to the images, but are not computed for its weights.
    state.discriminator.requires_grad_(False)
    state.generator_optimizer.zero_grad(set_to_none=True)
    ws = mixed_codes(state.generator, count, options.style_mixing)
    _update_w_mean(state, ws, options)
    fakes = state.generator.synthesize(ws, options.noise).images
    loss = generator_loss(state.discriminator(_augmented(state, fakes)))
    loss.backward()
    average_gradients(state.generator)
    state.generator_optimizer.step()
    if options.path_length_weight and state.steps % options.path_length_interval == 0:
        _penalise_path_length(state, count, options)
    state.discriminator.requires_grad_(True)
    return {"generator": loss.item()}


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
    average_gradients(state.generator)
    state.generator_optimizer.step()


def _update_w_mean(state: AdversarialState, ws: StyleCodes, options: AdversarialOptions) -> None:
    # The first layer's code is never mixed: [n, num_ws, w_dim] => [w_dim]
    mean = average(ws[:, 0].detach().mean(dim=0))
    state.generator.mapping.w_mean.lerp_(mean, 1.0 - options.w_mean_decay)


def _update_average(state: AdversarialState, count: int, options: AdversarialOptions) -> None:
    """Update the exponential moving average of the generator's weights; at first its half-life grows with training."""
    half_life = options.ema_half_life_kimg * 1000.0
    half_life = min(half_life, max(state.images_seen * options.ema_ramp_up, 1.0))
    # Half-lives in images, not in steps: the average does not depend on the batch size.
    decay = 0.5 ** (count / half_life)
    with torch.no_grad():
        for averaged, current in zip(
            state.average.parameters(), state.generator.parameters(), strict=True
        ):
            averaged.lerp_(current, 1.0 - decay)
        # Buffers are copied: w_mean is a moving average already.
        buffers = zip(state.average.buffers(), state.generator.buffers(), strict=True)
        for averaged_buffer, current_buffer in buffers:
            averaged_buffer.copy_(current_buffer)
