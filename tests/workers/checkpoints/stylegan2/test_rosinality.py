"""Rosinality's networks in training checkpoints, in encoders' files and in the oldest files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator, build_discriminator
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.sources import Source
from workers.checkpoints.files.tensors import Storage, StoredTensor
from workers.checkpoints.files.torch_files import read_legacy
from workers.checkpoints.stylegan2.drafts import format_name, network_shapes, read_drafts
from workers.checkpoints.stylegan2.reading import PICKLE_CONSTRUCTORS, find_drafts
from workers.checkpoints.stylegan2.rosinality import DISCRIMINATOR_NAMES, GENERATOR_NAMES

FILE = Path(__file__).parents[3] / "fixtures" / "checkpoints" / "rosinality-legacy-32.pt"


@pytest.fixture
def top() -> dict[str, Any]:
    """Return the top-level value of a converted file: g_ema and latent_avg."""
    value = read_legacy(Source(FILE.read_bytes()), PICKLE_CONSTRUCTORS, Budget.for_file(10**6))
    assert isinstance(value, dict)
    return value


def read(top: dict[str, Any]) -> Checkpoint:
    """Convert a top-level value to a checkpoint."""
    return read_drafts(find_drafts(top), 10**8)


def stored(tensor: Tensor) -> StoredTensor:
    """Return a tensor in the form of a file's tensors."""
    data = memoryview(tensor.contiguous().numpy().tobytes())
    storage = Storage(torch.float32, tensor.numel(), data)
    return StoredTensor(storage, 0, tuple(tensor.shape), tensor.contiguous().stride())


def test_the_generator_in_an_encoders_file_is_found(top: dict[str, Any]) -> None:
    """Encoders such as pSp keep the generator under `decoder.`, and repeat the mean for every layer."""
    mean = top["latent_avg"].read()
    tensors = {f"decoder.{name}": tensor for name, tensor in top["g_ema"].items()}
    tensors["encoder.input_layer.0.weight"] = stored(torch.zeros(1))
    encoders = {"state_dict": tensors, "latent_avg": stored(mean.view(1, -1).repeat(8, 1))}
    ours, theirs = read(encoders), read(top)
    for name, tensor in theirs.generator.tensors.items():
        assert tensor.equal(ours.generator.tensors[name])


def test_the_oldest_files_have_no_noise_maps(top: dict[str, Any]) -> None:
    """The maps are drawn from a fixed seed, and the user gets a warning."""
    kept = {name: t for name, t in top["g_ema"].items() if not name.startswith("noises.")}
    first, second = read({**top, "g_ema": kept}), read({**top, "g_ema": kept})
    assert "noise maps" in first.missing
    assert "drawn from a fixed seed" in first.warnings[0]
    drawn = first.generator.tensors["blocks.2.conv1.noise_const"]
    assert drawn.std() > 0.9
    assert drawn.equal(second.generator.tensors["blocks.2.conv1.noise_const"])


def test_a_training_checkpoint_has_its_discriminator(top: dict[str, Any]) -> None:
    """It has rosinality's names. The tensors' shapes give its configuration."""
    trained = Discriminator(DiscriminatorConfig(channels=(32, 16, 8, 4)))
    named = {
        format_name(k, DISCRIMINATOR_NAMES): stored(v) for k, v in trained.state_dict().items()
    }
    weights = read({**top, "d": named}).discriminator
    assert weights is not None
    ours, images = build_discriminator(weights.config, weights.tensors), torch.randn(4, 3, 32, 32)
    assert torch.allclose(ours(images), trained(images), atol=1e-5)


def test_no_noise_is_drawn_for_networks_larger_than_their_file() -> None:
    """Twelve blocks of one channel on a constant of 64 px are a small file, and 90 GB of noise maps."""
    config = GeneratorConfig(
        z_dim=1, w_dim=1, channels=(1,) * 12, base_px=(64, 64), num_mapping_layers=1
    )
    shapes = network_shapes(config)
    state = {
        format_name(name, GENERATOR_NAMES): stored(torch.zeros(1, *shape))
        for name, shape in shapes.items()
        if not name.endswith(("noise_const", "w_mean", "layers.0.weight", "layers.0.bias"))
    }
    state |= {"style.1.weight": stored(torch.zeros(1, 1)), "style.1.bias": stored(torch.zeros(1))}
    with pytest.raises(CheckpointRefused, match="larger than the file"):
        read({"g_ema": state})


@pytest.mark.parametrize("name", ["input.input", "conv1.conv.weight", "style.1.weight"])
def test_tensors_of_too_few_dimensions_are_refused(top: dict[str, Any], name: str) -> None:
    """The configuration is read from shapes, so shapes are checked first."""
    with pytest.raises(CheckpointRefused, match=name):
        read({**top, "g_ema": {**top["g_ema"], name: stored(torch.zeros(3))}})
