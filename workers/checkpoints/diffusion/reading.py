"""Read a diffusers pipeline with one UNet2DModel, without running anything that it names.

`from_pretrained` is never used: it may load code from an upload (CVE-2026-44513). The configuration is allow-listed,
the network is built without memory, its shapes are compared with the file's header, and only then numbers are read.
"""

import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from workers.checkpoints.checkpoint import (
    DOWNLOAD_AGAIN,
    Checkpoint,
    CheckpointRefused,
    NetworkWeights,
    Recognized,
)
from workers.checkpoints.diffusion.building import build_checked, check_shapes, check_values
from workers.checkpoints.diffusion.configs import check_index, read_config
from workers.checkpoints.diffusion.folders import (
    INDEX,
    NETWORK_CONFIGS,
    SCHEDULER_CONFIGS,
    Pipeline,
    open_pipeline,
)
from workers.checkpoints.files import safetensors_files

Value = TypeVar("Value")

FORMAT = "diffusers"

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
    unet = build_checked(config)
    expected = {name: tuple(tensor.shape) for name, tensor in unet.state_dict().items()}
    data = pipeline.read_weights()
    try:
        check_shapes(expected, _with_new_names(safetensors_files.shapes(data)))
        _, tensors = safetensors_files.read(data)
    except Recognized:
        raise
    except CheckpointRefused as refusal:
        raise Recognized(str(refusal), refusal.remedy) from refusal
    weights = {f"unet.{name}": tensor.float() for name, tensor in _with_new_names(tensors).items()}
    check_values(weights)
    return Checkpoint(format=FORMAT, generator=NetworkWeights(config.to_dict(), weights))


def _with_new_names(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """Return the tensors under the names of today's diffusers; only `from_pretrained` would rename them."""
    renamed = {_new_name(name): tensor for name, tensor in tensors.items()}
    if len(renamed) < len(tensors):
        raise Recognized("its weights hold attention layers twice, under old and new names")
    return renamed


def _new_name(name: str) -> str:
    match = _OLD_NAME.fullmatch(name)
    return name if match is None else f"{match[1]}.{OLD_NAMES[match[2]]}.{match[3]}"
