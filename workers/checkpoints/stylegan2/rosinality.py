"""Read the networks of rosinality/stylegan2-pytorch and its forks. The tensors' shapes give the configuration."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.stylegan2.drafts import Draft, Drafts, NameTable
from workers.checkpoints.stylegan2.filters import check_filter
from workers.checkpoints.stylegan2.substitutes import mean_w_placeholder, random_noise
from workers.checkpoints.wrapped_names import State

FORMAT = "rosinality"

LAYER = {
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
    "bias": "activate.bias",
}
TO_RGB = LAYER | {"bias": "bias"}

# Ours => theirs. They number all convolutions through, two per block; the first block has other names.
GENERATOR_NAMES: NameTable = (
    (r"mapping\.layers\.(\d+)\.(\w+)", lambda k, part: f"style.{k + 1}.{part}"),
    (r"blocks\.0\.const", lambda: "input.input"),
    (r"blocks\.(\d+)\.conv(\d)\.noise_const", lambda k, n: f"noises.noise_{2 * k - 1 + n}"),
    (r"blocks\.0\.conv1\.(.+)", lambda part: f"conv1.{LAYER[part]}"),
    (r"blocks\.0\.to_rgb\.(.+)", lambda part: f"to_rgb1.{TO_RGB[part]}"),
    (r"blocks\.(\d+)\.conv(\d)\.(.+)", lambda k, n, part: f"convs.{2 * k - 2 + n}.{LAYER[part]}"),
    (r"blocks\.(\d+)\.to_rgb\.(.+)", lambda k, part: f"to_rgbs.{k - 1}.{TO_RGB[part]}"),
)

# Each of their layers is a list: a blur if the layer halves the size, the convolution, its activation with the bias.
DISCRIMINATOR_NAMES: NameTable = (
    (r"from_rgb\.weight", lambda: "convs.0.0.weight"),
    (r"from_rgb\.bias", lambda: "convs.0.1.bias"),
    (r"blocks\.(\d+)\.conv0\.weight", lambda k: f"convs.{k + 1}.conv1.0.weight"),
    (r"blocks\.(\d+)\.conv0\.bias", lambda k: f"convs.{k + 1}.conv1.1.bias"),
    (r"blocks\.(\d+)\.conv1\.weight", lambda k: f"convs.{k + 1}.conv2.1.weight"),
    (r"blocks\.(\d+)\.conv1\.bias", lambda k: f"convs.{k + 1}.conv2.2.bias"),
    (r"blocks\.(\d+)\.skip\.weight", lambda k: f"convs.{k + 1}.skip.1.weight"),
    (r"conv\.weight", lambda: "final_conv.0.weight"),
    (r"conv\.bias", lambda: "final_conv.1.bias"),
    (r"dense\.(\w+)", lambda part: f"final_linear.0.{part}"),
    (r"out\.(\w+)", lambda part: f"final_linear.1.{part}"),
)

IGNORED = r".*\.kernel"
"""Filters: checked against ours, and not kept."""


def draft_networks(
    state: State,
    mean_w: StoredTensor | None,
    discriminator: Callable[[tuple[int, int]], Draft] | None,
    warnings: tuple[str, ...] = (),
) -> Drafts:
    """Draft a generator. `discriminator` drafts one for the base size (height, width) of the generator."""
    draft = _draft_generator(state, mean_w)
    return Drafts(
        format=FORMAT,
        generator=draft,
        discriminator=partial(discriminator, draft.config.base_px) if discriminator else None,
        warnings=warnings,
    )


def _draft_generator(state: State, mean_w: StoredTensor | None) -> Draft:
    """Read the generator's configuration from its shapes. `mean_w` is the file's latent_avg, or None."""
    _check_filters(state)
    num_blocks = 1 + sum(re.fullmatch(r"to_rgbs\.\d+\.bias", name) is not None for name in state)
    channels = [_shape(state, "conv1.conv.weight")[1]]
    channels += [_shape(state, f"convs.{2 * k - 1}.conv.weight")[1] for k in range(1, num_blocks)]
    layers = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in state)
    constant = _shape(state, "input.input")
    config = GeneratorConfig(
        z_dim=_shape(state, "style.1.weight")[1],
        w_dim=_shape(state, f"style.{layers}.weight")[0],
        channels=tuple(channels),
        base_px=(constant[-2], constant[-1]),
        num_mapping_layers=layers,
    )
    tensors: dict[str, StoredTensor | Tensor] = dict(state)
    substitutes = []
    if mean_w is None:
        substitutes.append(mean_w_placeholder(config))
    else:
        tensors["latent_avg"] = _first_row(mean_w)
    if "noises.noise_0" not in state:  # the oldest code drew new noise for every image
        substitutes.append(random_noise(config))
    return Draft(
        config=config,
        tensors=tensors,
        names=((r"mapping\.w_mean", lambda: "latent_avg"), *GENERATOR_NAMES),
        substitutes=tuple(substitutes),
        ignored=IGNORED,
    )


def draft_discriminator(state: State, base_px: tuple[int, int]) -> Draft:
    """Draft the discriminator of a training checkpoint. `base_px` (height, width) is its generator's."""
    _check_filters(state)
    last = _shape(state, "final_conv.0.weight")
    num_blocks = 1 + sum(
        re.fullmatch(r"convs\.\d+\.skip\.1\.weight", name) is not None for name in state
    )
    widths = [_shape(state, f"convs.{k}.conv1.0.weight")[0] for k in range(1, num_blocks)]
    config = DiscriminatorConfig(
        channels=(last[0], *reversed(widths)),
        base_px=base_px,
        minibatch_std_channels=last[1] - last[0],
    )
    return Draft(config=config, tensors=state, names=DISCRIMINATOR_NAMES, ignored=IGNORED)


def _first_row(mean: StoredTensor) -> StoredTensor:
    """Return the mean of one layer: some files repeat it for every layer."""
    return replace(mean, shape=mean.shape[-1:], strides=mean.strides[-1:])


def _shape(state: State, name: str) -> tuple[int, ...]:
    if name not in state or len(state[name].shape) < 2:
        raise CheckpointRefused(f"it lacks the tensor {name!r} of rosinality's StyleGAN2")
    return state[name].shape


def _check_filters(state: State) -> None:
    for name, tensor in state.items():
        if re.fullmatch(IGNORED, name):
            check_filter(name, tensor)
