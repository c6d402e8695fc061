"""What the customers upload: a checkpoint of a tiny generator with random weights, labelled images, plain images."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from workers.runtime.weights import write_network

PX = 32
CONFIG = GeneratorConfig(z_dim=16, w_dim=16, channels=(16, 16, 8, 8), num_mapping_layers=2)
FIT_OPTIONS: dict[str, Any] = {
    "inversion": {"steps": 4},
    "ensemble": {"num_members": 2, "hidden": [8, 8], "steps": 20},
    "estimate": False,
}
"""A fit of about a second. Its labels are poor."""


@dataclass(frozen=True)
class Inputs:
    """A zip of a generator, a folder of labelled images, and a folder of images without labels."""

    checkpoint: Path
    labelled: Path
    images: Path


def write_inputs(folder: Path) -> Inputs:
    """Write the inputs below a folder."""
    torch.manual_seed(0)
    networks = folder / "networks"
    write_network(networks, "generator", Generator(CONFIG), CONFIG.to_dict())
    checkpoint = folder / "tiny.zip"
    with zipfile.ZipFile(checkpoint, "w") as archive:
        for path in sorted(networks.iterdir()):
            archive.write(path, path.name)
    return Inputs(checkpoint, _labelled(folder / "labelled"), _images(folder / "unlabelled", 3))


def _labelled(folder: Path) -> Path:
    """Write four images of noise, labelled in two halves."""
    _images(folder / "images", 4)
    (folder / "masks").mkdir()
    mask = np.zeros((PX, PX), np.uint8)
    mask[:, PX // 2 :] = 1
    for path in sorted((folder / "images").iterdir()):
        Image.fromarray(mask).save(folder / "masks" / path.name)
    (folder / "labelset.json").write_text(
        json.dumps({"name": "halves", "classes": ["left", "right"]})
    )
    return folder


def _images(folder: Path, count: int) -> Path:
    """Write images of noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (PX, PX, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder
