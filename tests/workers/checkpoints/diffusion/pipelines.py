"""Small diffusers pipelines with random weights, as the library saves them, in zips and folders."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors.torch import save
from torch import Tensor

INDEX: dict[str, Any] = {
    "_class_name": "DDPMPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
}
NETWORK: dict[str, Any] = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.42.1",
    "sample_size": 16,
    "in_channels": 3,
    "out_channels": 3,
    "block_out_channels": [8, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": 8,
    "norm_num_groups": 4,
    "time_embedding_type": "positional",
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "dropout": 0.0,
}
SCHEDULE: dict[str, Any] = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.42.1",
    "num_train_timesteps": 1000,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "clip_sample": True,
    "trained_betas": None,
    "variance_type": "fixed_small",
}
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def make_network(**changes: object) -> Any:
    """Return the library's own network of `NETWORK` with some changes, and the same random weights each time."""
    torch.manual_seed(0)
    values = {key: value for key, value in {**NETWORK, **changes}.items() if key[0] != "_"}
    return UNet2DModel(**values).eval().requires_grad_(False)


def pipeline(
    *,
    index: Mapping[str, object] = INDEX,
    schedule: Mapping[str, object] = SCHEDULE,
    tensors: Mapping[str, Tensor] | None = None,
    weights_of: Mapping[str, object] | None = None,
    **network: object,
) -> dict[str, bytes]:
    """Return the files of a pipeline: `network` changes its config, and its weights too unless they are given."""
    if tensors is None:
        tensors = make_network(**(network if weights_of is None else weights_of)).state_dict()
    return {
        "model_index.json": json.dumps(index).encode(),
        "unet/config.json": json.dumps({**NETWORK, **network}).encode(),
        "scheduler/scheduler_config.json": json.dumps(schedule).encode(),
        WEIGHTS: save(dict(tensors)),
    }


def zipped(files: Mapping[str, bytes], folder: str = "") -> bytes:
    """Return the files as a zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in files.items():
            file.writestr(f"{folder}{name}", content)
    return data.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a tar."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return data.getvalue()


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write the zip and return its path."""
    path.write_bytes(zipped(files))
    return path
