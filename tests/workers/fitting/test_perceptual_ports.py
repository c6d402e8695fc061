"""Perceptual ports: mounted weights load from both kinds of file, and missing weights are reported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.fits.options import INVERSION_PRESETS
from models.inversion.squeezenet import SqueezeNet, SqueezeNetConfig
from models.serialization import pack
from workers.fitting.perceptual_ports import open_port, read_mounted
from workers.runtime.machine import Machine


@pytest.fixture
def network() -> SqueezeNet:
    """Return a network with random weights."""
    torch.manual_seed(0)
    return SqueezeNet(SqueezeNetConfig())


def test_both_kinds_of_file_give_the_same_network(network: SqueezeNet, tmp_path: Path) -> None:
    """.safetensors and .npz give equal weights; the JSON beside the file states the expected pixels."""
    tensors = dict(network.state_dict())
    (tmp_path / "a.safetensors").write_bytes(pack(tensors))
    np.savez(tmp_path / "b.npz", **{name: value.numpy() for name, value in tensors.items()})
    (tmp_path / "b.json").write_text(json.dumps({"pixels": "torchvision"}))
    first, second = read_mounted(tmp_path / "a.safetensors"), read_mounted(tmp_path / "b.npz")
    assert (first.config.pixels, second.config.pixels) == ("caffe", "torchvision")
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file is refused for its suffix or for its tensors."""
    (tmp_path / "weights.safetensors").write_bytes(pack({"one": torch.zeros(1)}))
    with pytest.raises(ValueError, match="torchvision's names"):
        read_mounted(tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"\.npz or \.safetensors"):
        read_mounted(tmp_path / "weights.pth")


def test_a_port_without_mounted_weights_is_missing(machine: Machine) -> None:
    """The message names the operator's setting, and an alternative."""
    options = INVERSION_PRESETS["paper"].model_copy(update={"perceptual": "mounted"})
    with pytest.raises(InputMissing, match=r"HANDSOFF_PERCEPTUAL_WEIGHTS.*'discriminator'"):
        open_port(machine.loader, None, options, mounted=None)


def test_a_port_without_a_discriminator_is_missing(machine: Machine) -> None:
    """The paper's preset uses the generator's own distance, which this generator lacks."""
    with pytest.raises(InputMissing, match="perceptual_weight 0"):
        open_port(machine.loader, None, INVERSION_PRESETS["paper"], mounted=None)


def test_a_mounted_port_has_the_digest_of_its_weights(
    machine: Machine, network: SqueezeNet, tmp_path: Path
) -> None:
    """The fit records the digest. A fit that pins other weights is refused."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack(dict(network.state_dict())))
    options = INVERSION_PRESETS["paper"].model_copy(update={"perceptual": "mounted"})
    port = open_port(machine.loader, None, options, mounted=path)
    assert port.mounted_sha256 == sha256_of_file(path)
    pinned = options.model_copy(update={"perceptual_sha256": "0" * 64})
    with pytest.raises(InputMissing, match="this worker has"):
        open_port(machine.loader, None, pinned, mounted=path)
