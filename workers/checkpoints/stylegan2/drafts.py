"""Convert a format's tensors to our networks: find each tensor of the configuration by name, check it, read it."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from models.generators.stylegan2.config import Architecture, DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, EncoderConfig
from workers.checkpoints.checkpoint import (
    BadValues,
    Checkpoint,
    CheckpointRefused,
    NetworkWeights,
)
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.stylegan2.substitutes import (
    MISSING_MEAN_W,
    Substitute,
    with_measured_mean_w,
)
from workers.runtime.weights import BAD_VALUES_REMEDY, flaw_of

NameTable = Iterable[tuple[str, Callable[..., str]]]
"""Regular expressions of our names => functions that return a format's name. Groups of digits arrive as integers."""

# Far above all published networks (1024 px: 9 blocks of at most 512 channels), far below the memory of a machine.
MAX_BLOCKS = 12
MAX_CHANNELS = 8192
MAX_LATENTS = 2048
"""Published networks have 512. The mean of w takes 10,000 of each, so 8192 of both would take 1 GB."""
MAX_BASE_PX = 64
MAX_MAPPING_LAYERS = 64
MAX_CLASSES = 100_000
MAX_PASSES = 16
"""Of an inverter over one image; ours take 2."""

Config = GeneratorConfig | DiscriminatorConfig | EncoderConfig
Sizes = list[tuple[str, Any, int, int]]
"""The name of a number, its value, and the least and the most that is allowed."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A network with a configuration, whose numbers are not read yet.

    `tensors` have the format's names; `names` maps ours to them. `substitutes` replace tensors that the file lacks.
    `ignored` matches the format's names of tensors that we do not need (filters that we build ourselves).
    """

    config: Config
    tensors: Mapping[str, StoredTensor | Tensor]
    names: NameTable
    substitutes: tuple[Substitute, ...] = ()
    ignored: str = r"(?!)"


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """The networks of a file. The discriminator is read last, so the generator is read even if that fails."""

    format: str
    generator: Draft
    discriminator: Callable[[], Draft] | None = None
    warnings: tuple[str, ...] = ()


def read_drafts(drafts: Drafts, max_bytes: int) -> Checkpoint:
    """Read both networks into HandsOff's format, with warnings and the names of missing parts.

    Raises:
        CheckpointRefused: the generator does not fit its configuration.
        BadValues: numbers of either network cannot be weights.
    """
    generator = read_draft(drafts.generator, max_bytes)
    substitutes = drafts.generator.substitutes
    missing = [substitute.missing for substitute in substitutes if substitute.missing]
    if MISSING_MEAN_W in missing:
        generator = with_measured_mean_w(generator)
    warnings = [substitute.warning for substitute in substitutes if substitute.warning]
    discriminator = None
    if drafts.discriminator is not None:
        try:
            discriminator = read_draft(drafts.discriminator(), max_bytes)
        except BadValues:
            raise
        except CheckpointRefused as refusal:
            warnings.append(f"The discriminator was left out: {refusal}.")
    return Checkpoint(
        format=drafts.format,
        generator=generator,
        discriminator=discriminator,
        missing=(*missing, *(() if discriminator else ("discriminator",))),
        warnings=(*drafts.warnings, *warnings),
    )


def read_draft(draft: Draft, max_bytes: int) -> NetworkWeights:
    """Read the network into HandsOff's format.

    Raises:
        CheckpointRefused: a tensor is missing, has no place or has the wrong shape, or the network needs more than
            `max_bytes`.
        BadValues: numbers are not finite or far too large.
    """
    shapes = network_shapes(draft.config)
    if 4 * sum(math.prod(shape) for shape in shapes.values()) > max_bytes:
        raise CheckpointRefused("it describes networks that are larger than the file")
    substitutes = {name: t for one in draft.substitutes for name, t in one.build().items()}
    theirs = {ours: format_name(ours, draft.names) for ours in shapes if ours not in substitutes}
    _check_leftovers(draft, set(theirs.values()))
    # Every shape is checked before the first tensor is read.
    checked = {ours: _checked(draft, name, shapes[ours]) for ours, name in theirs.items()}
    tensors = {ours: _read(theirs[ours], tensor) for ours, tensor in checked.items()}
    return NetworkWeights(draft.config.to_dict(), tensors | substitutes)


def network_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of a network. The network is built without memory for its numbers."""
    check_config(config)
    with torch.device("meta"):
        if isinstance(config, GeneratorConfig):
            network: nn.Module = Generator(config)
        elif isinstance(config, EncoderConfig):
            network = Encoder(config)
        else:
            network = Discriminator(config)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def check_config(config: Config) -> None:
    """Refuse a configuration with values that no network has, before a network is built from it."""
    sizes: Sizes = [
        ("number of blocks", len(config.channels), 1, MAX_BLOCKS),
        *(("channels", channels, 1, MAX_CHANNELS) for channels in config.channels),
        ("number of base sizes", len(config.base_px), 2, 2),
        *(("base size", px, 1, MAX_BASE_PX) for px in config.base_px),
    ]
    if isinstance(config, EncoderConfig):
        _check_sizes([*sizes, *_encoder_sizes(config)])
        return
    sizes += [
        ("number of mapping layers", config.num_mapping_layers, 1, MAX_MAPPING_LAYERS),
        ("number of classes", config.num_classes, 0, MAX_CLASSES),
    ]
    if isinstance(config, GeneratorConfig):
        sizes += [("z", config.z_dim, 1, MAX_LATENTS), ("w", config.w_dim, 1, MAX_LATENTS)]
        if type(config.image_channels) is not int or config.image_channels not in (1, 3):
            raise CheckpointRefused(
                f"expected 1 or 3 image channels, got {repr(config.image_channels)[:30]}"
            )
    else:
        sizes += [("minibatch std group", config.minibatch_std_group, 1, MAX_CHANNELS)]
        sizes += [("minibatch std channels", config.minibatch_std_channels, 0, config.channels[0])]
    _check_sizes(sizes)
    architectures = get_args(Architecture)
    if config.architecture not in architectures:
        raise CheckpointRefused(
            f"expected one of the architectures {', '.join(architectures)}, got {str(config.architecture)[:30]!r}"
        )
    clamp = 1.0 if config.conv_clamp is None else config.conv_clamp
    factors: dict[str, object] = {
        "mapping_lr_multiplier": config.mapping_lr_multiplier,
        "conv_clamp": clamp,
    }
    for field, factor in factors.items():
        if not isinstance(factor, int | float) or not 0.0 < factor < math.inf:
            raise CheckpointRefused(
                f"expected a {field} above 0 in its configuration, got {str(factor)[:30]}"
            )


def _encoder_sizes(config: EncoderConfig) -> Sizes:
    return [
        ("number of style vectors", config.num_ws, 1, 2 * MAX_BLOCKS),
        ("w", config.w_dim, 1, MAX_LATENTS),
        ("hidden units", config.hidden, 1, MAX_CHANNELS),
        ("finer channels", config.finer_channels, 0, MAX_CHANNELS),
        ("number of passes", config.num_passes, 1, MAX_PASSES),
    ]


def _check_sizes(sizes: Sizes) -> None:
    for field, value, least, most in sizes:
        if type(value) is not int or not least <= value <= most:
            raise CheckpointRefused(
                f"expected its {field} to be from {least} to {most}, got {repr(value)[:30]}"
            )


def format_name(ours: str, names: NameTable) -> str:
    """Return a format's name for one of our tensors, by the first row of the table that matches.

    Raises:
        LookupError: no row matches.
    """
    for pattern, name in names:
        match = re.fullmatch(pattern, ours)
        if match:
            return name(*(int(part) if part.isdecimal() else part for part in match.groups()))
    raise LookupError(f"the table has no row for {ours}")


def _checked(draft: Draft, name: str, shape: tuple[int, ...]) -> StoredTensor | Tensor:
    """Return the tensor in the shape that the configuration requires."""
    tensor = draft.tensors.get(name)
    if tensor is None:
        raise CheckpointRefused(f"it lacks the tensor {name!r} of a StyleGAN2")
    reshaped = tensor if tuple(tensor.shape) == shape else None
    if isinstance(tensor, StoredTensor):
        reshaped = tensor.reshaped(shape)
    if reshaped is None:
        raise CheckpointRefused(
            f"expected the shape {list(shape)} of its tensor {name!r}, got {list(tensor.shape)}"
        )
    return reshaped


def _read(name: str, tensor: StoredTensor | Tensor) -> Tensor:
    """Read the numbers as float32. Raise `BadValues` if they cannot be weights."""
    numbers = tensor.read() if isinstance(tensor, StoredTensor) else tensor.float()
    flaw = flaw_of(numbers)
    if flaw is not None:
        raise BadValues(f"its tensor {name[:80]!r} {flaw}", BAD_VALUES_REMEDY)
    return numbers


def _check_leftovers(draft: Draft, used: set[str]) -> None:
    """Refuse tensors that our network has no place for: without them it would be another network."""
    leftovers = [
        name for name in draft.tensors if name not in used and not re.fullmatch(draft.ignored, name)
    ]
    if leftovers:
        examples = ", ".join(repr(name[:80]) for name in leftovers[:3])
        raise CheckpointRefused(
            f"{len(leftovers)} of its tensors have no place in a StyleGAN2 ({examples}): it is another network, or a"
            " variant"
        )
