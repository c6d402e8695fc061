"""From a format's tensors to our networks: every tensor that a configuration asks for, found by name, checked, read."""

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
from workers.checkpoints.checkpoint import (
    BadValues,
    Checkpoint,
    CheckpointRefused,
    NetworkWeights,
)
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.stylegan2.stand_ins import MISSING_MEAN_W, StandIn, with_measured_mean_w
from workers.runtime.values import BAD_VALUES_MEND, flaw_of

Names = Iterable[tuple[str, Callable[..., str]]]
"""A table from our names (regular expressions) to a format's; groups of digits are handed over as integers."""

# Far above everything published (1024 px: 9 blocks of at most 512 channels), far below what would fill a machine.
MAX_BLOCKS = 12
MAX_CHANNELS = 8192
MAX_LATENTS = 2048
"""Published networks have 512. The mean of w takes 10,000 of each, so 8192 of both would take 1 GB."""
MAX_BASE_PX = 64
MAX_MAPPING_LAYERS = 64
MAX_CLASSES = 100_000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A network whose configuration is known and whose numbers are not read yet.

    `tensors` bear the format's names, which `names` gives for ours; `stand_ins` are ours, for what the file lacks.
    `ignored` matches names of theirs that carry nothing (filters that we build ourselves).
    """

    config: GeneratorConfig | DiscriminatorConfig
    tensors: Mapping[str, StoredTensor | Tensor]
    names: Names
    stand_ins: tuple[StandIn, ...] = ()
    ignored: str = r"(?!)"


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """What a file holds. The discriminator is looked at last: one of another kind does not spoil its generator."""

    format: str
    generator: Draft
    discriminator: Callable[[], Draft] | None = None
    warnings: tuple[str, ...] = ()


def read_drafts(drafts: Drafts, max_bytes: int) -> Checkpoint:
    """Our form of both networks, and what is to be said of them."""
    generator = read_draft(drafts.generator, max_bytes)
    stand_ins = drafts.generator.stand_ins
    missing = [stand_in.missing for stand_in in stand_ins if stand_in.missing]
    if MISSING_MEAN_W in missing:
        generator = with_measured_mean_w(generator)
    warnings = [stand_in.warning for stand_in in stand_ins if stand_in.warning]
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
    """Our form of the network.

    Raises:
        CheckpointRefused: a tensor is missing, left over, of another shape than the configuration says or not finite,
            or all of them together need more than `max_bytes`.
        BadValues: numbers are not finite or far too large.
    """
    shapes = network_shapes(draft.config)
    if 4 * sum(math.prod(shape) for shape in shapes.values()) > max_bytes:
        raise CheckpointRefused("it describes networks that are larger than the file")
    stand_ins = {name: t for one in draft.stand_ins for name, t in one.make().items()}
    theirs = {ours: renamed(ours, draft.names) for ours in shapes if ours not in stand_ins}
    _check_leftovers(draft, set(theirs.values()))
    found = {ours: _found(draft, name, shapes[ours]) for ours, name in theirs.items()}
    tensors = {ours: _read(theirs[ours], tensor) for ours, tensor in found.items()} | stand_ins
    return NetworkWeights(draft.config.to_dict(), tensors)


def network_shapes(config: GeneratorConfig | DiscriminatorConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a network, which is laid out without memory for its numbers."""
    check_numbers(config)
    with torch.device("meta"):
        if isinstance(config, GeneratorConfig):
            network: nn.Module = Generator(config)
        else:
            network = Discriminator(config)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def check_numbers(config: GeneratorConfig | DiscriminatorConfig) -> None:
    """Refuse a configuration whose numbers are no sizes of a network, before one is laid out after them."""
    sizes: list[tuple[str, Any, int, int]] = [
        ("number of blocks", len(config.channels), 1, MAX_BLOCKS),
        *(("channels", channels, 1, MAX_CHANNELS) for channels in config.channels),
        ("number of base sizes", len(config.base_px), 2, 2),
        *(("base size", px, 1, MAX_BASE_PX) for px in config.base_px),
        ("number of mapping layers", config.num_mapping_layers, 1, MAX_MAPPING_LAYERS),
        ("number of classes", config.num_classes, 0, MAX_CLASSES),
    ]
    if isinstance(config, GeneratorConfig):
        sizes += [("z", config.z_dim, 1, MAX_LATENTS), ("w", config.w_dim, 1, MAX_LATENTS)]
    else:
        sizes += [("deviation group", config.minibatch_std_group, 1, MAX_CHANNELS)]
        sizes += [("deviation channels", config.minibatch_std_channels, 0, config.channels[0])]
    for what, value, least, most in sizes:
        if type(value) is not int or not least <= value <= most:
            raise CheckpointRefused(
                f"its {what} ({repr(value)[:30]}) is not from {least} to {most}"
            )
    if config.architecture not in get_args(Architecture):
        raise CheckpointRefused(f"its architecture is {str(config.architecture)[:30]!r}")
    clamp = 1.0 if config.conv_clamp is None else config.conv_clamp
    factors: tuple[object, ...] = (config.mapping_lr_multiplier, clamp)
    for factor in factors:
        if not isinstance(factor, int | float) or not 0.0 < factor < math.inf:
            raise CheckpointRefused(f"a factor in its configuration is {str(factor)[:30]}")


def renamed(ours: str, names: Names) -> str:
    """A format's name of a tensor of ours, by the first line of the table that fits."""
    for pattern, name in names:
        match = re.fullmatch(pattern, ours)
        if match:
            return name(*(int(part) if part.isdecimal() else part for part in match.groups()))
    raise LookupError(f"the table has no line for {ours}")


def _found(draft: Draft, name: str, shape: tuple[int, ...]) -> StoredTensor | Tensor:
    tensor = draft.tensors.get(name)
    if tensor is None:
        raise CheckpointRefused(f"it lacks the tensor {name!r} of a StyleGAN2")
    fitted = tensor if tuple(tensor.shape) == shape else None
    if isinstance(tensor, StoredTensor):
        fitted = tensor.fitted(shape)
    if fitted is None:
        raise CheckpointRefused(
            f"its tensor {name!r} has the shape {list(tensor.shape)} where {list(shape)} belongs"
        )
    return fitted


def _read(name: str, tensor: StoredTensor | Tensor) -> Tensor:
    """The numbers in float32. Raises `BadValues` where they are no weights."""
    numbers = tensor.read() if isinstance(tensor, StoredTensor) else tensor.float()
    flaw = flaw_of(numbers)
    if flaw is not None:
        raise BadValues(f"its tensor {name[:80]!r} {flaw}", BAD_VALUES_MEND)
    return numbers


def _check_leftovers(draft: Draft, used: set[str]) -> None:
    """A tensor that we have no place for is a part of the network that we would leave out."""
    left = [
        name for name in draft.tensors if name not in used and not re.fullmatch(draft.ignored, name)
    ]
    if left:
        some = ", ".join(repr(name[:80]) for name in left[:3])
        raise CheckpointRefused(
            f"{len(left)} of its tensors have no place in a StyleGAN2 ({some}): it is another network, or a variant"
        )
