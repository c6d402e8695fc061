"""The structure of a guided-diffusion network, read from the names and shapes of its tensors.

improved-diffusion has the same names. Everything that the shapes determine is inferred here; the rest is asked for as
import options.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workers.checkpoints.checkpoint import Recognized
from workers.checkpoints.diffusion.configs import MAX_BLOCKS

Shapes = Mapping[str, tuple[int, ...]]

MARKERS = ("time_embed.0.weight", "input_blocks.0.0.weight")
"""Tensors that every such network has, and no other format (latent diffusion has them below a prefix)."""

MAX_LAYERS = 4
"""Residual blocks in one level of the encoder; the published networks have 1 to 3."""

_OUTPUT_BLOCK = re.compile(r"output_blocks\.(\d{1,4})\.")


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A network of levels, highest resolution first. `num_layers` is the number of residual blocks of each level.

    `resblock_updown`: residual blocks change the resolution, instead of convolutions. `out_channels` is 6 if the
    network also predicts the variance of its noise (`learn_sigma`), else 3.
    """

    channels: tuple[int, ...]
    attention: tuple[bool, ...]
    num_layers: int
    resblock_updown: bool
    scale_shift_norm: bool
    num_classes: int
    out_channels: int

    @property
    def num_levels(self) -> int:
        return len(self.channels)


def infer_structure(shapes: Shapes) -> Structure:
    """Return the structure of a network whose tensors have these shapes.

    The result fits the tensors that it was read from; the caller compares all others. Raises `Recognized`.
    """
    num_blocks = _count_output_blocks(shapes)
    ends = [block for block in range(num_blocks) if _has_upsampler(shapes, block)]
    num_layers = ends[0] if ends else num_blocks - 1
    if not 1 <= num_layers <= MAX_LAYERS or num_blocks % (num_layers + 1):
        raise Recognized(
            f"expected the same number of residual blocks, 1 to {MAX_LAYERS}, on every level of its network, but its"
            f" {num_blocks} output_blocks double the resolution first in block {num_layers}"
        )
    num_levels = num_blocks // (num_layers + 1)
    first_blocks = [f"input_blocks.{1 + level * (num_layers + 1)}" for level in range(num_levels)]
    channels = tuple(
        _shape(shapes, f"{block}.0.in_layers.2.weight", 4)[0] for block in first_blocks
    )
    _check_stem(shapes, channels[0])
    return Structure(
        channels=channels,
        attention=tuple(f"{block}.1.qkv.weight" in shapes for block in first_blocks),
        num_layers=num_layers,
        resblock_updown=num_levels > 1 and _has_residual_samplers(shapes, num_layers + 1),
        scale_shift_norm=_has_scale_shift(shapes, channels[0]),
        num_classes=_shape(shapes, "label_emb.weight", 2)[0] if "label_emb.weight" in shapes else 0,
        out_channels=_out_channels(shapes),
    )


def _count_output_blocks(shapes: Iterable[str]) -> int:
    """Return the number of blocks of the decoder. There is one more than the highest index, at most."""
    blocks = {int(match[1]) for match in map(_OUTPUT_BLOCK.match, shapes) if match}
    if not blocks:
        raise Recognized(
            "it has no output_blocks, so it is no generator (the classifiers of guided-diffusion have none)"
        )
    most = MAX_BLOCKS * (MAX_LAYERS + 1)
    if max(blocks) >= most:
        raise Recognized(f"expected at most {most} output_blocks, got {max(blocks) + 1}")
    return max(blocks) + 1


def _has_upsampler(shapes: Shapes, block: int) -> bool:
    """Return whether a block of the decoder ends with an upsampler, which follows its layers."""
    candidates = (
        f"output_blocks.{block}.{position}.{layer}.weight"
        for position in (1, 2)
        for layer in ("conv", "in_layers.0")
    )
    return any(name in shapes for name in candidates)


def _has_residual_samplers(shapes: Shapes, block: int) -> bool:
    """Return whether the first block that halves the resolution is a residual block. It may be a convolution."""
    if f"input_blocks.{block}.0.op.weight" in shapes:
        return False
    if f"input_blocks.{block}.0.in_layers.0.weight" in shapes:
        return True
    raise Recognized(
        f"expected a convolution or a residual block that halves the resolution in its input_blocks.{block}, got"
        " neither (conv_resample=False is not supported)"
    )


def _check_stem(shapes: Shapes, channels: int) -> None:
    """Check the first layers: color images in, and a time embedding as wide as the first level."""
    in_channels = _shape(shapes, "input_blocks.0.0.weight", 4)[1]
    if in_channels == 6:
        raise Recognized("it is an upsampler, which needs a smaller image beside the noise")
    if in_channels != 3:
        raise Recognized(f"expected a network of 3 image channels, got {in_channels}")
    width = _shape(shapes, "time_embed.0.weight", 2)[1]
    if width != channels:
        raise Recognized(
            f"expected a first level with the {width} channels of its time embedding (channel_mult begins with 1),"
            f" got {channels}"
        )


def _has_scale_shift(shapes: Shapes, channels: int) -> bool:
    rows = _shape(shapes, "input_blocks.1.0.emb_layers.1.weight", 2)[0]
    if rows not in (channels, 2 * channels):
        raise Recognized(
            f"expected {channels} or {2 * channels} rows of its input_blocks.1.0.emb_layers.1.weight, got {rows}"
        )
    return rows == 2 * channels


def _out_channels(shapes: Shapes) -> int:
    count = _shape(shapes, "out.2.weight", 4)[0]
    if count not in (3, 6):
        raise Recognized(f"expected 3 or 6 channels of its output (out.2.weight), got {count}")
    return count


def _shape(shapes: Shapes, name: str, num_dimensions: int) -> tuple[int, ...]:
    """Return the shape of a tensor that every network has. Raises `Recognized`."""
    shape = shapes.get(name)
    if shape is None:
        raise Recognized(f"it lacks the tensor {name!r} of a guided-diffusion network")
    if len(shape) != num_dimensions or 0 in shape:
        raise Recognized(
            f"expected {num_dimensions} dimensions of its tensor {name!r}, got the shape {list(shape)}"
        )
    return shape
