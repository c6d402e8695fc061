"""Read NVIDIA's StyleGAN2 (stylegan2-ada-pytorch, StyleGAN-Human, the stylegan3 repository).

The configuration comes from the modules' attributes and from shapes, never from the source code of the classes.
"""

import re
from collections.abc import Callable
from functools import partial

from models.generators.stylegan2.config import Architecture, DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.stylegan2.drafts import MAX_BLOCKS, Draft, Drafts, NameTable
from workers.checkpoints.stylegan2.filters import check_filter
from workers.checkpoints.stylegan2.nvidia_modules import Network, collect_network
from workers.checkpoints.stylegan2.substitutes import mean_w_placeholder, zero_noise

FORMAT = "nvidia-pickle"

IGNORED = r".*\.resample_filter"
"""Filters: checked against ours, and not kept."""

# Ours => theirs. A block's name has the size that its maps would have if they were square.
GENERATOR_NAMES: NameTable = (
    (r"mapping\.layers\.(\d+)\.(\w+)", lambda k, part: f"mapping.fc{k}.{part}"),
    (r"mapping\.embed\.(\w+)", lambda part: f"mapping.embed.{part}"),
    (r"mapping\.w_mean", lambda: "mapping.w_avg"),
    (r"blocks\.(\d+)\.to_rgb\.(.+)", lambda k, part: f"synthesis.b{4 << k}.torgb.{part}"),
    (r"blocks\.(\d+)\.(.+)", lambda k, part: f"synthesis.b{4 << k}.{part}"),
)


def discriminator_names(num_blocks: int) -> NameTable:
    """Return the table from our names to theirs. We count blocks from the highest resolution."""
    top = 2 << num_blocks
    return (
        (r"from_rgb\.(\w+)", lambda part: f"b{top}.fromrgb.{part}"),
        (r"from_smaller_rgb\.(\d+)\.(\w+)", lambda k, part: f"b{top >> (k + 1)}.fromrgb.{part}"),
        (r"blocks\.(\d+)\.(.+)", lambda k, part: f"b{top >> k}.{part}"),
        (r"dense\.(\w+)", lambda part: f"b4.fc.{part}"),
        (r"(conv|out)\.(\w+)", lambda layer, part: f"b4.{layer}.{part}"),
        (r"mapping\.layers\.(\d+)\.(\w+)", lambda k, part: f"mapping.fc{k}.{part}"),
        (r"mapping\.embed\.(\w+)", lambda part: f"mapping.embed.{part}"),
    )


def draft_networks(
    generator: object,
    discriminator: Callable[[tuple[int, int]], Draft] | None,
    warnings: tuple[str, ...] = (),
) -> Drafts:
    """Draft a generator. `discriminator` drafts one for the base size (height, width) of the generator."""
    network = collect_network(generator)
    if not network.modules:
        warnings += (
            "The file has tensors without modules: its activations are assumed to be unclamped.",
        )
    draft = _draft_generator(network)
    return Drafts(
        format=FORMAT,
        generator=draft,
        discriminator=partial(discriminator, draft.config.base_px) if discriminator else None,
        warnings=warnings,
    )


def _draft_generator(network: Network) -> Draft:
    """Read the generator's configuration from its attributes and shapes.

    Raises:
        CheckpointRefused: it is another network, or an unsupported variant of StyleGAN2.
    """
    num_blocks = min(network.count(r"synthesis\.b\d+\.conv1\.weight"), MAX_BLOCKS + 1)
    _check_layers(network, r"synthesis\.b\d+\.conv[01]|mapping\.fc\d+")
    inputs, classes = network.shape("mapping.fc0.weight", 2)[1], 0
    if "mapping.embed.weight" in network.tensors:
        embedded, classes = network.shape("mapping.embed.weight", 2)
        inputs -= embedded
    layers = network.count(r"mapping\.fc\d+\.weight")
    constant = network.shape("synthesis.b4.const", 3)
    config = GeneratorConfig(
        z_dim=inputs,
        w_dim=network.shape(f"mapping.fc{layers - 1}.weight", 2)[0],
        channels=tuple(
            network.shape(f"synthesis.b{4 << k}.conv1.weight", 4)[0] for k in range(num_blocks)
        ),
        base_px=(constant[-2], constant[-1]),
        num_mapping_layers=layers,
        mapping_lr_multiplier=_lr_multiplier(network),
        conv_clamp=network.number("conv_clamp", r"synthesis\.b\d+\.(conv0|conv1|torgb)"),
        architecture=_architecture(
            network, r"synthesis\.b\d+\.skip\.weight", "synthesis.b4.torgb.weight"
        ),
        num_classes=classes,
    )
    without_noise = network.attribute("use_noise", r"synthesis\.b\d+\.conv[01]") is False
    substitutes = [zero_noise(config)] if without_noise else []
    if "mapping.w_avg" not in network.tensors:
        substitutes.append(mean_w_placeholder(config))
    return Draft(
        config=config,
        tensors=network.tensors,
        names=GENERATOR_NAMES,
        substitutes=tuple(substitutes),
        ignored=IGNORED,
    )


def draft_discriminator(root: object, base_px: tuple[int, int]) -> Draft:
    """Draft a discriminator. `base_px` (height, width) is the generator's: these tensors give only the product."""
    network = collect_network(root)
    _check_layers(network, r"b\d+\.(conv0|conv1|conv|fc|fromrgb)|mapping\.fc\d+")
    num_blocks = 1 + min(network.count(r"b\d+\.conv0\.weight"), MAX_BLOCKS)
    last = network.shape("b4.conv.weight", 4)
    conditional = "mapping.embed.weight" in network.tensors
    config = DiscriminatorConfig(
        channels=(
            last[0],
            *(network.shape(f"b{4 << k}.conv0.weight", 4)[0] for k in range(1, num_blocks)),
        ),
        base_px=base_px,
        minibatch_std_group=int(network.number("group_size", r"b4\.mbstd") or 1),
        minibatch_std_channels=last[1] - last[0],
        architecture=_architecture(network, r"b\d+\.skip\.weight", "b4.fromrgb.weight"),
        conv_clamp=network.number("conv_clamp", r"b\d+\.(conv0|conv1|conv)"),
        num_classes=network.shape("mapping.embed.weight", 2)[1] if conditional else 0,
        num_mapping_layers=network.count(r"mapping\.fc\d+\.weight") or 8,
        mapping_lr_multiplier=_lr_multiplier(network),
    )
    return Draft(
        config=config,
        tensors=network.tensors,
        names=discriminator_names(num_blocks),
        ignored=IGNORED,
    )


def _check_layers(network: Network, parts: str) -> None:
    """Refuse activations and filters that the configuration cannot express."""
    activation = network.attribute("activation", parts)
    if activation not in (None, "lrelu"):
        raise CheckpointRefused(f"expected StyleGAN2's activation lrelu, got {activation!r}")
    for name, tensor in network.tensors.items():
        if re.fullmatch(IGNORED, name):
            check_filter(name, tensor)


def _architecture(network: Network, shortcuts: str, small_rgb: str) -> Architecture:
    """Return the architecture: only resnet has shortcuts, only skip has an image at the smallest size."""
    if network.count(shortcuts):
        return "resnet"
    return "skip" if small_rgb in network.tensors else "orig"


def _lr_multiplier(network: Network) -> float:
    """Return the mapping's multiplier: the gain of its layers' biases, 0.01 in all published networks."""
    gain = network.number("bias_gain", r"mapping\.fc\d+")
    return 0.01 if gain is None else gain
