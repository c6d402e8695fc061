"""Read a diffusers pipeline with one UNet2DModel, without running anything that it names.

`from_pretrained` is never used: it may load code from an upload (CVE-2026-44513). The configuration is allow-listed,
the network is built without memory, its shapes are compared with the file's header, and only then numbers are read.
"""

import math
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.unet import build_unet
from workers.checkpoints.checkpoint import (
    DOWNLOAD_AGAIN,
    BadValues,
    Checkpoint,
    CheckpointRefused,
    NetworkWeights,
    Recognized,
)
from workers.checkpoints.diffusion.configs import check_index, read_config
from workers.checkpoints.diffusion.folders import (
    INDEX,
    NETWORK_CONFIGS,
    SCHEDULER_CONFIGS,
    Pipeline,
    open_pipeline,
)
from workers.checkpoints.files import safetensors_files
from workers.runtime.values import first_flaw

Value = TypeVar("Value")

FORMAT = "diffusers"

MAX_PARAMETERS = 600_000_000
"""The unconditional 256 px network of guided-diffusion has 552,000,000."""

MAX_MULTIPLY_ADDS = 4 * 10**12
"""Of one pass over one image. The network above takes 1.1 * 10^12."""

# Attention in weights that early versions of diffusers wrote.
OLD_NAMES: Mapping[str, str] = {
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "proj_attn": "to_out.0",
}
_OLD_NAME = re.compile(r"(.*attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)")

DAMAGE_ERRORS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError, LookupError),
)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the network of a pipeline in a folder, a zip or a tar.

    Raises:
        CheckpointRefused: it holds no pipeline.
        Recognized: it holds a pipeline that HandsOff cannot read; the message is for the user.
    """
    try:
        with open_pipeline(path) as pipeline:
            return _read(pipeline)
    except CheckpointRefused as refusal:
        raise type(refusal)(refusal.message()) from refusal
    except DAMAGE_ERRORS as error:
        damage = f"it is not readable as an archive: {str(error)[:120]}"
        raise CheckpointRefused(CheckpointRefused(damage, DOWNLOAD_AGAIN).message()) from error


def _read(pipeline: Pipeline | None) -> Checkpoint:
    if pipeline is None:
        raise CheckpointRefused(f"it has no {INDEX}")
    check_index(pipeline.read_json(INDEX))
    network = pipeline.read_json(pipeline.find(NETWORK_CONFIGS))
    schedule = pipeline.read_json(pipeline.find(SCHEDULER_CONFIGS))
    config = read_config(network, schedule)
    unet = _build(config)
    expected = {name: tuple(tensor.shape) for name, tensor in unet.state_dict().items()}
    data = pipeline.read_weights()
    try:
        _check_shapes(expected, _with_new_names(safetensors_files.shapes(data)))
        _, tensors = safetensors_files.read(data)
    except Recognized:
        raise
    except CheckpointRefused as refusal:
        raise Recognized(str(refusal), refusal.remedy) from refusal
    weights = {f"unet.{name}": tensor.float() for name, tensor in _with_new_names(tensors).items()}
    _check_values(weights)
    return Checkpoint(format=FORMAT, generator=NetworkWeights(config.to_dict(), weights))


def _build(config: DiffusionConfig) -> nn.Module:
    """Return the network without memory for its numbers, and refuse one that is too large."""
    with _misfits_refused():
        unet: nn.Module = build_unet(config)
    count = sum(math.prod(parameter.shape) for parameter in unet.parameters())
    if count > MAX_PARAMETERS:
        raise Recognized(f"expected at most {MAX_PARAMETERS} parameters, got {count}")
    with _misfits_refused():
        multiply_adds = _multiply_adds(unet, config)
    if multiply_adds > MAX_MULTIPLY_ADDS:
        raise Recognized(
            f"expected at most {MAX_MULTIPLY_ADDS} multiply-adds for one pass over an image, got {multiply_adds}"
        )
    return unet


@contextmanager
def _misfits_refused() -> Iterator[None]:
    """Turn the library's errors about numbers that do not fit each other into a refusal."""
    try:
        yield
    except (ValueError, ArithmeticError, RuntimeError, TypeError, LookupError) as error:
        reason = f"its network's config does not fit together: {str(error)[:120]}"
        raise Recognized(reason) from error


def _multiply_adds(unet: nn.Module, config: DiffusionConfig) -> int:
    """Return the multiply-adds of one pass, counted on the meta device, where nothing is computed."""
    height, width = config.image_px
    image = torch.empty(1, 3, height, width, device="meta")
    classes = torch.zeros(1, dtype=torch.long, device="meta") if config.num_classes else None
    step = torch.zeros(1, dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(image, step, class_labels=classes, return_dict=False)
    return int(counter.get_total_flops()) // 2


def _check_shapes(
    expected: Mapping[str, tuple[int, ...]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    missing = sorted(expected.keys() - shapes.keys())
    if missing:
        raise Recognized(
            f"its weights lack {len(missing)} tensors of its config, for example {missing[0]!r}"
        )
    unknown = sorted(shapes.keys() - expected.keys())
    if unknown:
        raise Recognized(
            f"its weights hold {len(unknown)} tensors that its config lacks, for example {unknown[0][:80]!r}"
        )
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise Recognized(
                f"expected shape {list(shape)} of its tensor {name!r}, got {list(shapes[name])[:8]}"
            )


def _with_new_names(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """Return the tensors under the names of today's diffusers; only `from_pretrained` would rename them."""
    renamed = {_new_name(name): tensor for name, tensor in tensors.items()}
    if len(renamed) < len(tensors):
        raise Recognized("its weights hold attention layers twice, under old and new names")
    return renamed


def _new_name(name: str) -> str:
    match = _OLD_NAME.fullmatch(name)
    return name if match is None else f"{match[1]}.{OLD_NAMES[match[2]]}.{match[3]}"


def _check_values(weights: Mapping[str, Tensor]) -> None:
    flaw = first_flaw(weights)
    if flaw is not None:
        raise BadValues(flaw, DOWNLOAD_AGAIN)
