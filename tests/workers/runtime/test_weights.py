"""Promises of `workers.runtime.weights`: networks with impossible weights are refused."""

import io
import json
import math
import re
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from contracts.generators.generator import GeneratorManifest
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.encoder import Encoder, EncoderConfig
from models.serialization import pack
from state import records
from tests.workers.checkpoints.makers import rosinality, save
from tests.workers.importing.imports import request_import
from tests.workers.scene import CONFIG, GENERATOR, Scene
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.stylegan2.drafts import format_name
from workers.checkpoints.stylegan2.reading import read_checkpoint
from workers.checkpoints.stylegan2.rosinality import DISCRIMINATOR_NAMES
from workers.importing import imports
from workers.importing.builtin import publish, publish_all
from workers.runtime.machine import Machine
from workers.runtime.weights import MAX_MAGNITUDE, flaw_of, write_network

BAD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "3e+08": 3e8, "-2e+06": -2e6}


def spoiled(tensor: Tensor, value: float) -> Tensor:
    """Return the tensor with one number replaced."""
    changed = tensor.clone()
    changed.view(-1)[-1] = value
    return changed


@pytest.mark.parametrize("number", BAD)
def test_a_generator_with_bad_numbers_is_refused(number: str, tmp_path: Path) -> None:
    """The message names the tensor and the number."""
    state, _ = rosinality()
    state["conv1.conv.weight"] = spoiled(state["conv1.conv.weight"], BAD[number])
    path = save({"g_ema": state}, tmp_path / "g.pt")
    with pytest.raises(CheckpointRefused, match=re.escape(f"'conv1.conv.weight' holds {number}")):
        read_checkpoint(path)


@pytest.mark.parametrize("number", BAD)
def test_a_discriminator_with_bad_numbers_is_refused(number: str, tmp_path: Path) -> None:
    """It is not silently left out: its training has diverged, so the generator is bad too."""
    state, _ = rosinality()
    trained = Discriminator(DiscriminatorConfig(channels=(32, 16, 8, 4))).state_dict()
    trained["out.weight"] = spoiled(trained["out.weight"], BAD[number])
    named = {format_name(name, DISCRIMINATOR_NAMES): tensor for name, tensor in trained.items()}
    path = save({"g_ema": state, "d": named}, tmp_path / "g.pt")
    message = re.escape(f"'final_linear.1.weight' holds {number}")
    with pytest.raises(CheckpointRefused, match=message):
        read_checkpoint(path)


def test_numbers_at_the_limit_pass() -> None:
    """Positive and negative numbers; a larger one does not."""
    assert flaw_of(torch.tensor([MAX_MAGNITUDE, -MAX_MAGNITUDE, 0.0])) is None
    assert flaw_of(torch.tensor([MAX_MAGNITUDE * 1.001])) is not None
    assert flaw_of(torch.empty(0)) is None


def add_bad_inverter(source: Path) -> None:
    """Write an inverter with a NaN, as from a diverged training."""
    config = EncoderConfig(
        channels=CONFIG.channels, base_px=(4, 4), num_ws=CONFIG.num_ws, w_dim=CONFIG.w_dim
    )
    encoder = Encoder(config)
    tensors = {k: v.clone() for k, v in encoder.state_dict().items()}
    name = next(iter(tensors))
    tensors[name] = spoiled(tensors[name], math.nan)
    (source / "inverter.safetensors").write_bytes(pack(tensors))
    (source / "inverter.json").write_text(json.dumps(config.to_dict()))


def test_an_inverter_with_bad_numbers_is_not_published(scene: Scene, tmp_path: Path) -> None:
    """The error names the tensor. A worker skips the inverter at its start."""
    add_bad_inverter(tmp_path / GENERATOR)
    with pytest.raises(ValueError, match=r"In the inverter of .+, the tensor '.+' holds nan"):
        publish(scene.machine, tmp_path / GENERATOR)
    publish_all(scene.machine, tmp_path)


def test_no_training_writes_a_network_with_bad_numbers(tmp_path: Path) -> None:
    """Training commands end with a message and write nothing."""
    generator = Generator(GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1))
    torch.nn.init.constant_(dict(generator.named_parameters())["blocks.0.const"], math.inf)
    with pytest.raises(ValueError, match=r"'blocks\.0\.const' holds inf"):
        write_network(tmp_path / "out", "generator", generator, generator.config.to_dict())
    assert not list(tmp_path.iterdir())


def test_a_generator_of_infinite_images_is_refused(machine: Machine) -> None:
    """Each number could be a weight, but the generated image is not finite."""
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=8)
    tensors = {
        name: torch.full_like(tensor, 9e5) if name.endswith("weight") else tensor
        for name, tensor in Generator(config).state_dict().items()
    }
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("generator.json", json.dumps(config.to_dict()))
        archive.writestr("generator.safetensors", pack(tensors))
    request = request_import(machine, zipped.getvalue())
    imports.run(machine, str(request.ref), 1)
    manifest = records.read_manifest(machine.store, request.ref, GeneratorManifest)
    assert manifest is not None
    assert manifest.error is not None
    assert manifest.error.code == "invalid_checkpoint"
    assert "finite images" in manifest.error.detail
