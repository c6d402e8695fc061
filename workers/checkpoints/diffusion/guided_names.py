"""The names of guided-diffusion's tensors for those of UNet2DModel, and the shapes that they have there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workers.checkpoints.diffusion.guided_structure import Structure

OUTER: Mapping[str, str] = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding": "label_emb",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESIDUAL: Mapping[str, str] = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION: Mapping[str, str] = {"group_norm": "norm", "to_out.0": "proj_out"}
QKV = ("to_q", "to_k", "to_v")
"""Three layers of UNet2DModel that are one layer in guided-diffusion."""

_BLOCK = re.compile(
    r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)


@dataclass(frozen=True)
class Origin:
    """The tensor that one of UNet2DModel is read from. `third` is its number in a joint layer of q, k and v."""

    name: str
    shape: tuple[int, ...]
    third: int | None = None


def find_origins(shapes: Mapping[str, tuple[int, ...]], structure: Structure) -> dict[str, Origin]:
    """Return the origin of every tensor of a UNet2DModel with these shapes."""
    return {name: _origin(name, shape, structure) for name, shape in shapes.items()}


def expected_shapes(origins: Iterable[Origin]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors that the network was converted from."""
    return {origin.name: origin.shape for origin in origins}


def _origin(name: str, shape: tuple[int, ...], structure: Structure) -> Origin:
    module, _, parameter = name.rpartition(".")
    if module == "conv_out":
        shape = (structure.out_channels, *shape[1:])
    place, layer = _place(module, structure)
    if layer in QKV:
        shape = (3 * shape[0], *shape[1:])
    is_attention = layer in QKV or layer == "to_out.0"
    if is_attention and parameter == "weight":
        shape = (*shape, 1)  # a convolution of length 1
    named = _layer(place, layer)
    third = QKV.index(layer) if layer in QKV else None
    return Origin(f"{named}.{parameter}", shape, third)


def _place(module: str, structure: Structure) -> tuple[str, str]:
    """Return the origin of the block that a layer is in, and the layer's name in UNet2DModel."""
    match = _BLOCK.fullmatch(module)
    if match is None:
        outer = max((each for each in OUTER if f"{module}.".startswith(f"{each}.")), key=len)
        return OUTER[outer], module.removeprefix(outer).removeprefix(".")
    direction, kind, layer = match[1], match[3], match[5]
    level, position = int(match[2]), int(match[4])
    # Each level has its layers, then a sampler: its own block in the encoder, the end of the last block in the decoder.
    blocks_per_level = structure.num_layers + 1
    if direction == "down":
        index = structure.num_layers if kind == "downsamplers" else position
        place = f"input_blocks.{1 + level * blocks_per_level + index}"
        return f"{place}.{int(kind == 'attentions')}", layer
    index = structure.num_layers if kind == "upsamplers" else position
    place = f"output_blocks.{level * blocks_per_level + index}"
    if kind == "upsamplers":
        return f"{place}.{1 + structure.attention[::-1][level]}", layer
    return f"{place}.{int(kind == 'attentions')}", layer


def _layer(place: str, layer: str) -> str:
    if not layer:
        return place
    if layer in QKV:
        return f"{place}.qkv"
    if layer == "conv":  # of a sampler without a residual block
        return f"{place}.{'op' if place.startswith('input_blocks') else 'conv'}"
    return f"{place}.{RESIDUAL[layer] if layer in RESIDUAL else ATTENTION[layer]}"
