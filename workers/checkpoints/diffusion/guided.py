"""Read a state dict of guided-diffusion or improved-diffusion (`.pt`) as a UNet2DModel, which computes the same.

Both programs have GroupNorm of 32 groups, SiLU, sinusoids of the step with cosines first, and in a level with attention
one attention layer after each residual block. No number is read before the shapes are checked.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contracts.generators.import_options import PUBLISHED_TIMESTEPS, ImportOptions
from models.generators.diffusion.config import DiffusionConfig
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights, Recognized
from workers.checkpoints.diffusion.building import build_checked, check_shapes, check_values
from workers.checkpoints.diffusion.configs import NETWORK, SCHEDULERS, read_config
from workers.checkpoints.diffusion.guided_names import Origin, expected_shapes, find_origins
from workers.checkpoints.diffusion.guided_options import Stated, check_stated, stated_options
from workers.checkpoints.diffusion.guided_structure import MARKERS, Structure, infer_structure
from workers.checkpoints.files.archives import open_archive
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.damage import damage_refused
from workers.checkpoints.files.sources import Source, map_file
from workers.checkpoints.files.tensors import StoredTensor
from workers.checkpoints.files.torch_files import (
    CONSTRUCTORS,
    LEGACY_HEAD,
    pickle_folder,
    read_legacy,
    read_zip,
)
from workers.checkpoints.wrapped_names import unwrap, without_wrappers

FORMAT = "guided-diffusion"

GROUPS = 32
"""Of every GroupNorm, also in attention layers."""

MAX_GROWTH = 4
"""How many times larger the float32 network may be than the file: 2 for half precision, the rest for small files."""

VARIANCE_DROPPED = (
    "The channels for the variance (learn_sigma) are not kept: sampling here does not use them."
)


def read_checkpoint(path: Path, options: ImportOptions) -> Checkpoint:
    """Read the network in a file of torch.

    Raises:
        CheckpointRefused: it holds no such state dict.
        Recognized: it holds one that HandsOff cannot read, or `options` lack a value; the message is for the user.
    """
    try:
        state = _find_state(_read_file(path))
        return _convert(state, options, path.stat().st_size)
    except CheckpointRefused as refusal:
        raise type(refusal)(refusal.message()) from refusal


def _read_file(path: Path) -> object:
    """Return the value of a file that torch.save wrote.

    A pickle without a name of this format is not interpreted: another family has done so already, and a hostile one
    takes long.
    """
    with path.open("rb") as file:
        head = file.read(len(LEGACY_HEAD))
    budget = Budget.for_file(path.stat().st_size)
    if head.startswith(b"PK\x03\x04"):
        with damage_refused("zip"), open_archive(path) as archive:
            folder = pickle_folder(archive.members)
            if folder is not None and _has_marker(archive.stored_bytes(f"{folder}data.pkl")):
                return read_zip(archive, CONSTRUCTORS, budget)
    elif head.startswith(LEGACY_HEAD):
        data = map_file(path)
        with damage_refused("PyTorch pickle"):
            if _has_marker(data):
                return read_legacy(Source(data), CONSTRUCTORS, budget)
    raise CheckpointRefused("it is no file of torch with tensors of guided-diffusion")


def _has_marker(data: memoryview) -> bool:
    """Return whether bytes contain the name of a tensor that every network of this format has."""
    return re.search(re.escape(MARKERS[0]).encode(), data) is not None


def _find_state(top: object) -> dict[str, StoredTensor]:
    """Return the tensors of a state dict by name."""
    if type(top) is not dict:
        raise CheckpointRefused("expected a dictionary at its top level, got another object")
    for key, value in top.items():
        if type(value) is dict and _is_state(value):
            raise Recognized(
                f"expected a plain state dict of guided-diffusion, got one below the key {str(key)[:40]!r}",
                "Save it alone: torch.save(checkpoint[KEY], path).",
            )
    if not _is_state(top):
        raise CheckpointRefused("it has no tensors of guided-diffusion")
    others = [str(name)[:60] for name, value in top.items() if not _is_tensor(name, value)]
    if others:
        raise Recognized(f"expected only tensors in its state dict, got {others[0]!r}")
    try:
        state = unwrap(top)
    except CheckpointRefused as refusal:
        raise Recognized(str(refusal), refusal.remedy) from refusal
    _check_types(state)
    return state


def _check_types(state: Mapping[str, StoredTensor]) -> None:
    for name, tensor in state.items():
        if not tensor.storage.dtype.is_floating_point:
            raise Recognized(
                f"expected floating-point numbers in its tensor {name!r}, got {tensor.storage.dtype}"
            )


def _is_state(values: Mapping[Any, Any]) -> bool:
    """Return whether a dictionary has tensors of this format, with or without a wrapper's prefix."""
    return any(isinstance(name, str) and without_wrappers(name) in MARKERS for name in values)


def _is_tensor(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, StoredTensor)


def _convert(
    state: Mapping[str, StoredTensor], options: ImportOptions, num_bytes: int
) -> Checkpoint:
    shapes = {name: tensor.shape for name, tensor in state.items()}
    structure = infer_structure(shapes)
    stated = stated_options(options)
    check_stated(stated, structure)
    config = _config(structure, stated)
    unet = build_checked(config)
    origins = find_origins(
        {name: tuple(tensor.shape) for name, tensor in unet.state_dict().items()}, structure
    )
    check_shapes(expected_shapes(origins.values()), shapes)
    # Tensors may share numbers in the file, and are copied apart.
    if 4 * sum(map(math.prod, shapes.values())) > MAX_GROWTH * num_bytes:
        raise Recognized(f"its network takes more than {MAX_GROWTH} times the bytes of its file")
    weights = _read(state, origins, stated)
    check_values(weights)
    dropped = (VARIANCE_DROPPED,) if structure.out_channels == 6 else ()
    return Checkpoint(
        format=FORMAT,
        generator=NetworkWeights(config.to_dict(), weights),
        warnings=(*dropped, *stated.warnings),
        takes_options=True,
    )


def _config(structure: Structure, stated: Stated) -> DiffusionConfig:
    """Return the config of the same network in diffusers, under the limits of diffusers' own folders."""
    attention = structure.attention
    plain = "Resnet{}sampleBlock2D" if structure.resblock_updown else "{}Block2D"
    names = {True: "Attn{}Block2D", False: plain}
    sampling = "resnet" if structure.resblock_updown else "conv"
    network = {
        "_class_name": NETWORK,
        "sample_size": stated.px,
        "block_out_channels": list(structure.channels),
        "down_block_types": [names[has].format("Down") for has in attention],
        "up_block_types": [names[has].format("Up") for has in attention[::-1]],
        "layers_per_block": structure.num_layers,
        "downsample_type": sampling,
        "upsample_type": sampling,
        "attention_head_dim": stated.head_channels,
        "norm_num_groups": GROUPS,
        "attn_norm_num_groups": GROUPS,
        "resnet_time_scale_shift": "scale_shift" if structure.scale_shift_norm else "default",
        "num_class_embeds": structure.num_classes or None,
    }
    config = read_config(network, {"_class_name": SCHEDULERS[0], **stated.schedule()})
    scale = PUBLISHED_TIMESTEPS / stated.num_timesteps if stated.rescale_timesteps else 1.0
    return replace(config, attention_heads=stated.num_heads, timestep_scale=scale)


def _read(
    state: Mapping[str, StoredTensor], origins: Mapping[str, Origin], stated: Stated
) -> dict[str, Tensor]:
    """Return the tensors of the UNet2DModel under the names of our generator, float32."""
    weights: dict[str, Tensor] = {}
    joint: dict[str, Tensor] = {}  # the joint q, k and v: each is read once
    for name, origin in origins.items():
        if origin.third is None:
            tensor = state[origin.name].read()
            if name.startswith("conv_out."):
                tensor = tensor[:3].clone()  # the predicted noise; the variance follows it
            elif name.endswith("to_out.0.weight"):
                tensor = tensor.flatten(1)
        else:
            if origin.name not in joint:
                joint[origin.name] = split_qkv(state[origin.name].read(), stated)
            tensor = joint[origin.name][origin.third].clone()
        weights[f"unet.{name}"] = tensor
    return weights


def split_qkv(tensor: Tensor, stated: Stated) -> Tensor:
    """Return q, k and v of a joint layer, [3, c, c] for its weight [3 c, c, 1] and [3, c] for its bias [3 c].

    head_major is `QKVAttentionLegacy` of guided-diffusion: q, k and v of the first head, then those of the second.
    qkv_major is its `QKVAttention`: q of all heads, then k, then v, the order of diffusers.
    """
    rows = tensor.flatten(1) if tensor.dim() > 1 else tensor
    channels = len(rows) // 3
    if stated.attention_order == "head_major":
        heads = stated.heads_of(channels)
        by_head = rows.reshape(heads, 3, channels // heads, *rows.shape[1:])
        return torch.movedim(by_head, 1, 0).reshape(3, channels, *rows.shape[1:])
    return rows.reshape(3, channels, *rows.shape[1:])
