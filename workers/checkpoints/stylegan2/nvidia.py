"""NVIDIA's StyleGAN2 (stylegan2-ada-pytorch, StyleGAN-Human, the stylegan3 repository) and our names for its tensors.

The configuration is read from the modules' attributes and from shapes, never guessed from the class's source.
"""

import re
from collections.abc import Callable
from functools import partial

from models.generators.stylegan2.config import Architecture, DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.stylegan2.drafts import MAX_BLOCKS, Draft, Drafts, Names
from workers.checkpoints.stylegan2.filters import check_filter
from workers.checkpoints.stylegan2.nvidia_modules import Network, network_of
from workers.checkpoints.stylegan2.stand_ins import no_mean_w, no_noise

FORMAT = "nvidia-pickle"

IGNORED = r".*\.resample_filter"
"""Checked against the filter that we build ourselves, and not kept."""

# Ours => theirs; a block is named after the size that its (square) maps would have.
GENERATOR_NAMES: Names = (
    (r"mapping\.layers\.(\d+)\.(\w+)", lambda k, what: f"mapping.fc{k}.{what}"),
    (r"mapping\.embed\.(\w+)", lambda what: f"mapping.embed.{what}"),
    (r"mapping\.w_mean", lambda: "mapping.w_avg"),
    (r"blocks\.(\d+)\.to_rgb\.(.+)", lambda k, what: f"synthesis.b{4 << k}.torgb.{what}"),
    (r"blocks\.(\d+)\.(.+)", lambda k, what: f"synthesis.b{4 << k}.{what}"),
)


def discriminator_names(num_blocks: int) -> Names:
    """Ours => theirs; we count blocks from the highest resolution."""
    top = 2 << num_blocks
    return (
        (r"from_rgb\.(\w+)", lambda what: f"b{top}.fromrgb.{what}"),
        (r"from_smaller_rgb\.(\d+)\.(\w+)", lambda k, what: f"b{top >> (k + 1)}.fromrgb.{what}"),
        (r"blocks\.(\d+)\.(.+)", lambda k, what: f"b{top >> k}.{what}"),
        (r"dense\.(\w+)", lambda what: f"b4.fc.{what}"),
        (r"(conv|out)\.(\w+)", lambda layer, what: f"b4.{layer}.{what}"),
        (r"mapping\.layers\.(\d+)\.(\w+)", lambda k, what: f"mapping.fc{k}.{what}"),
        (r"mapping\.embed\.(\w+)", lambda what: f"mapping.embed.{what}"),
    )


def drafts_of(
    generator: object,
    discriminator: Callable[[tuple[int, int]], Draft] | None,
    warnings: tuple[str, ...] = (),
) -> Drafts:
    """The draft of a generator, with that of a discriminator, which is made for the generator's base size."""
    network = network_of(generator)
    if not network.modules:
        warnings += (
            "The file holds bare tensors: it was assumed that activations are not clamped.",
        )
    draft = _draft_generator(network)
    return Drafts(
        format=FORMAT,
        generator=draft,
        discriminator=partial(discriminator, draft.config.base_px) if discriminator else None,
        warnings=warnings,
    )


def _draft_generator(network: Network) -> Draft:
    """The generator's configuration and tensors.

    Raises:
        CheckpointRefused: it is another network, or a variant that our StyleGAN2 does not have.
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
    stand_ins = [no_noise(config)] if without_noise else []
    if "mapping.w_avg" not in network.tensors:
        stand_ins.append(no_mean_w(config))
    return Draft(
        config=config,
        tensors=network.tensors,
        names=GENERATOR_NAMES,
        stand_ins=tuple(stand_ins),
        ignored=IGNORED,
    )


def draft_discriminator(root: object, base_px: tuple[int, int]) -> Draft:
    """`base_px` is the generator's: a discriminator's own tensors tell only the product."""
    network = network_of(root)
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
    """Refuse what the configuration has no word for."""
    activation = network.attribute("activation", parts)
    if activation not in (None, "lrelu"):
        raise CheckpointRefused(f"its activation is {activation!r}; StyleGAN2's is lrelu")
    for name, tensor in network.tensors.items():
        if re.fullmatch(IGNORED, name):
            check_filter(name, tensor)


def _architecture(network: Network, shortcuts: str, small_rgb: str) -> Architecture:
    """Told by what only one of them has: shortcuts, or an image already at the smallest size."""
    if network.count(shortcuts):
        return "resnet"
    return "skip" if small_rgb in network.tensors else "orig"


def _lr_multiplier(network: Network) -> float:
    """The mapping's, which its layers keep as the gain of their biases; 0.01 in all that is published."""
    gain = network.number("bias_gain", r"mapping\.fc\d+")
    return 0.01 if gain is None else gain
