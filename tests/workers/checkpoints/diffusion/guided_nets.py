"""State dicts of guided-diffusion with weights from a seed, for the fixtures and for hostile variants of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.sampling import Candidate, Stream, latents

FIXTURES = Path(__file__).parents[3] / "fixtures" / "guided_diffusion"

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "residual-head-major": {
        "attention_order": "head_major",
        "head_channels": 16,
        "px": 8,
        "noise_schedule": "linear",
    },
    "residual-qkv-major-classes": {
        "attention_order": "qkv_major",
        "head_channels": 8,
        "px": 8,
        "noise_schedule": "cosine",
    },
    "convolutions-heads": {
        "attention_order": "head_major",
        "num_heads": 4,
        "px": 8,
        "noise_schedule": "cosine",
        "num_timesteps": 4000,
        "rescale_timesteps": True,
    },
    "one-level-half": {
        "attention_order": "head_major",
        "head_channels": 16,
        "px": 8,
        "noise_schedule": "linear",
    },
}
"""The import options of every fixture."""


def make_state(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Return random weights: the same for a seed on every machine, of about the size that keeps features near 1."""
    state = {}
    for number, (name, shape) in enumerate(shapes.items()):
        count = int(np.prod(shape))
        values = latents(seed, [Candidate(number)], count, Stream.PILOT).reshape(shape).float()
        fan_in = max(1, count // shape[0])
        is_scale = len(shape) == 1 and name.endswith("weight")
        state[name] = 1 + 0.1 * values if is_scale else 0.5 * values / fan_in**0.5
    return state


def read_expected(name: str) -> dict[str, Tensor]:
    """Return the inputs of a fixture, the outputs of the published code on them, and its `seed`."""
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays if key != "shapes"}


def read_state(name: str) -> dict[str, Tensor]:
    """Return the state dict of a fixture. Its weights are made again from the seed."""
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        shapes = {key: tuple(shape) for key, shape in json.loads(str(arrays["shapes"])).items()}
        return make_state(shapes, int(arrays["seed"]))


def write_checkpoint(name: str, folder: Path) -> Path:
    """Return the path of a fixture's checkpoint: the published one, or one that is written here."""
    published = FIXTURES / f"{name}.pt"
    return published if published.exists() else save(read_state(name), folder / f"{name}.pt")


def save(state: object, path: Path, **options: Any) -> Path:
    """Write a file with torch.save, and return its path."""
    torch.save(state, path, **options)
    return path
