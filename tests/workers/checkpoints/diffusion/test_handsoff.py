"""HandsOff's own format of a diffusion generator: read as it was written; hostile configurations are refused."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from contracts.generators.import_options import ImportOptions
from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.generator import build_generator
from tests.workers.checkpoints.diffusion.guided_nets import FIXTURES, OPTIONS, save
from workers.checkpoints.checkpoint import CheckpointRefused, NetworkWeights, Recognized
from workers.checkpoints.diffusion import guided
from workers.checkpoints.diffusion.handsoff import read_checkpoint
from workers.families.diffusion import Diffusion
from workers.runtime.weights import write_network

NAME = "one-level-half"


@pytest.fixture
def network() -> NetworkWeights:
    """A small generator, with values in the fields that only HandsOff has."""
    options = ImportOptions.model_validate(
        {**OPTIONS[NAME], "head_channels": None, "num_heads": 2, "rescale_timesteps": True}
    )
    return guided.read_checkpoint(FIXTURES / f"{NAME}.pt", options).generator


@pytest.fixture
def folder(network: NetworkWeights, tmp_path: Path) -> Path:
    """The generator as `convert` writes it."""
    generator = build_generator(network.config, network.tensors)
    write_network(tmp_path / "folder", "generator", generator, network.config)
    return tmp_path / "folder"


def change(folder: Path, **changes: Any) -> None:
    """Change fields of the configuration."""
    path = folder / "generator.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("inner", ["", "net/"])
def test_a_folder_and_a_zip_are_read(
    inner: str, network: NetworkWeights, folder: Path, tmp_path: Path
) -> None:
    """The configuration and every tensor are the same."""
    with ZipFile(tmp_path / "net.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, inner + path.name)
    for path in (folder, tmp_path / "net.zip"):
        checkpoint = Diffusion().read_checkpoint(path, ImportOptions())
        assert checkpoint.format == "handsoff"
        assert checkpoint.generator.config == network.config
        read = checkpoint.generator.tensors
        assert read.keys() == network.tensors.keys()
        assert all(read[name].equal(tensor) for name, tensor in network.tensors.items())
    assert DiffusionConfig.from_dict(checkpoint.generator.config).attention_heads == 2


@pytest.mark.parametrize("inner", ["", "net/"])
def test_networks_of_other_families_beside_it_are_reported(
    inner: str, folder: Path, tmp_path: Path
) -> None:
    """Their owner expects that they are used."""
    assert read_checkpoint(folder).warnings == ()
    for name in ("inverter.json", "inverter.safetensors", "discriminator.safetensors"):
        (folder / name).write_bytes(b"{}")
    with ZipFile(tmp_path / "net.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, inner + path.name)
    for path in (folder, tmp_path / "net.zip"):
        (warning,) = read_checkpoint(path).warnings
        assert warning.startswith(
            "discriminator.safetensors, inverter.json, inverter.safetensors beside the generator are not used"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_out_channels": [10**9]}, "block_out_channels"),
        ({"down_block_types": ["os.system"]}, "down_block_types"),
        ({"image_px": [10**6, 8]}, "image_px"),
        ({"sampler": "ddim", "sampling_steps": 7}, "sampling_steps that divide its 1000"),
        (
            {"num_train_timesteps": 300, "sampling_steps": 400},
            "sampling_steps of at most its 300",
        ),
        ({"sampler": "euler"}, "sampler"),
        ({"noise_levels": [1000]}, "noise_levels below"),
        ({"noise_levels": []}, "noise_levels"),
        ({"attention_heads": 5}, "5 heads do not divide 32 channels"),
        ({"timestep_scale": 0}, "timestep_scale"),
        ({"custom_code": "x"}, "unknown key 'custom_code'"),
        ({"num_classes": 4}, "lack"),
        ({"layers_per_block": 2}, "lack"),
    ],
)
def test_hostile_configurations_are_refused(
    changes: dict[str, Any], message: str, folder: Path
) -> None:
    """The message names the field; no other family reads the file."""
    change(folder, **changes)
    with pytest.raises(Recognized, match=message):
        read_checkpoint(folder)


def test_a_folder_without_a_sampler_is_sampled_as_before(folder: Path) -> None:
    """Its generator was made when DDIM was the only sampler. Without steps it gets those of a new one."""
    assert read_checkpoint(folder).generator.config["sampler"] == "dpm++"
    path = folder / "generator.json"
    values = json.loads(path.read_text())
    values.pop("sampler")
    path.write_text(json.dumps(values | {"sampling_steps": 20}))
    assert DiffusionConfig.from_dict(read_checkpoint(folder).generator.config).sampler == "ddim"
    values.pop("sampling_steps")
    path.write_text(json.dumps(values))
    assert read_checkpoint(folder).generator.config["sampler"] == "dpm++"


def test_a_repeated_field_is_refused(folder: Path) -> None:
    """The message names the field."""
    path = folder / "generator.json"
    path.write_text(path.read_text().rstrip().removesuffix("}") + ', "sampling_steps": 20}')
    with pytest.raises(CheckpointRefused, match="has the field 'sampling_steps' twice"):
        read_checkpoint(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    """The message names the file."""
    (folder / "generator.safetensors").unlink()
    with pytest.raises(Recognized, match=r"expected generator\.safetensors"):
        read_checkpoint(folder)


def test_other_files_are_left_to_other_readers(tmp_path: Path) -> None:
    """A file of torch is a zip too."""
    for path in (save({}, tmp_path / "net.pt"), tmp_path):
        with pytest.raises(CheckpointRefused) as refusal:
            read_checkpoint(path)
        assert not isinstance(refusal.value, Recognized)
