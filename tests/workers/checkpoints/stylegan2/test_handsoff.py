"""HandsOff's format in a folder, a zip or one file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import safetensors.torch
import torch

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator, build_generator
from models.generators.stylegan2.inversion.encoder import Encoder, EncoderConfig
from workers.checkpoints.checkpoint import BadValues, Checkpoint, CheckpointRefused
from workers.checkpoints.stylegan2.reading import read_checkpoint
from workers.runtime.weights import write_network

GENERATOR = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1)
DISCRIMINATOR = DiscriminatorConfig(channels=(8, 4))


@pytest.fixture
def generator() -> Generator:
    """Build an 8 px generator."""
    return Generator(GENERATOR)


@pytest.fixture
def folder(tmp_path: Path, generator: Generator) -> Path:
    """Write the generator and a discriminator as our tools do."""
    folder = tmp_path / "networks"
    write_network(folder, "generator", generator, GENERATOR.to_dict())
    write_network(folder, "discriminator", Discriminator(DISCRIMINATOR), DISCRIMINATOR.to_dict())
    return folder


def assert_same(checkpoint: Checkpoint, generator: Generator) -> None:
    """Assert that the checkpoint holds this generator."""
    assert GeneratorConfig.from_dict(checkpoint.generator.config) == GENERATOR
    for name, tensor in generator.state_dict().items():
        assert torch.equal(checkpoint.generator.tensors[name], tensor)


def test_a_folder_is_read(folder: Path, generator: Generator) -> None:
    """Both networks are equal, bit by bit."""
    checkpoint = read_checkpoint(folder)
    assert_same(checkpoint, generator)
    assert checkpoint.discriminator is not None
    assert checkpoint.missing == ()


def add_inverter(folder: Path, mean: float = 0.0, **changes: Any) -> None:
    """Write an inverter of the generator, whose mean code is 0, as `train_inverter` does."""
    sizes = {"channels": (8, 4), "base_px": (4, 4), "num_ws": 4, "w_dim": 8}
    config = EncoderConfig(**{**sizes, **changes})
    encoder = Encoder(config)
    encoder.w_mean.fill_(mean)
    write_network(folder, "inverter", encoder, config.to_dict())


def test_an_inverter_is_read(folder: Path) -> None:
    """Its mean code is the generator's, so there is no warning."""
    add_inverter(folder)
    checkpoint = read_checkpoint(folder)
    assert checkpoint.inverter is not None
    assert checkpoint.inverter.config["num_ws"] == 4
    assert checkpoint.warnings == ()


def test_an_inverter_of_another_snapshot_gives_a_warning(folder: Path) -> None:
    """Its shapes fit, but its mean code is a standard deviation away."""
    add_inverter(folder, mean=1.0)
    (warning,) = read_checkpoint(folder).warnings
    assert "probably trained for another generator" in warning


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w_dim": 16}, "expected 8 numbers in a style vector, got 16"),
        ({"num_ws": 6}, "expected 4 style vectors, got 6"),
        ({"base_px": (4, 2)}, r"expected \[4, 4\] base sizes, got \[4, 2\]"),
        ({"channels": (8, 4, 4)}, r"an input of at most \[8, 8\] px, got \[16, 16\]"),
    ],
)
def test_an_inverter_of_another_generator_is_refused(
    changes: dict[str, Any], message: str, folder: Path
) -> None:
    """The message names the number that differs."""
    add_inverter(folder, **changes)
    with pytest.raises(CheckpointRefused, match=message):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden": 10**9}, "hidden units to be from 1 to 8192"),
        ({"num_passes": 1000}, "number of passes to be from 1 to 16"),
        ({"channels": [10**9]}, "channels to be from 1 to 8192"),
        ({"channels": 3}, "not readable as the configuration of an inverter"),
        ({"hidden": 8000}, "larger than the file"),
    ],
)
def test_a_hostile_inverter_is_refused(changes: dict[str, Any], message: str, folder: Path) -> None:
    """The limits hold before the network is built."""
    add_inverter(folder)
    path = folder / "inverter.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(CheckpointRefused, match=message):
        read_checkpoint(folder)


def test_a_grey_generator_is_read(tmp_path: Path) -> None:
    """Its configuration says one image channel, and its images have three equal ones."""
    config = replace(GENERATOR, image_channels=1)
    write_network(tmp_path, "generator", Generator(config), config.to_dict())
    weights = read_checkpoint(tmp_path).generator
    assert GeneratorConfig.from_dict(weights.config) == config
    images = build_generator(weights.config, weights.tensors)(torch.randn(2, 8))
    assert torch.equal(images[:, :1].expand(-1, 3, -1, -1), images)


def test_other_numbers_of_image_channels_are_refused(folder: Path) -> None:
    """A generator has one channel or three."""
    path = folder / "generator.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_channels": 2}))
    with pytest.raises(CheckpointRefused, match="expected 1 or 3 image channels, got 2"):
        read_checkpoint(folder)


def test_a_missing_discriminator_is_reported(folder: Path) -> None:
    """The checkpoint lists it as missing."""
    for ending in ("json", "safetensors"):
        (folder / f"discriminator.{ending}").unlink()
    assert read_checkpoint(folder).missing == ("discriminator",)


@pytest.mark.parametrize("network", ["discriminator", "inverter"])
@pytest.mark.parametrize(
    ("absent", "present"), [(".json", ".safetensors"), (".safetensors", ".json")]
)
def test_half_a_pair_is_refused(
    network: str, absent: str, present: str, folder: Path, tmp_path: Path
) -> None:
    """Its owner expects that the network is used; the message names both files, in a folder and in a zip."""
    add_inverter(folder)
    (folder / f"{network}{absent}").unlink()
    zipped = tmp_path / "half.zip"
    with ZipFile(zipped, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    for path in (folder, zipped):
        with pytest.raises(
            CheckpointRefused, match=f"expected {network}{absent} beside its {network}{present}"
        ):
            read_checkpoint(path)


def test_two_generators_in_a_zip_are_refused(folder: Path, tmp_path: Path) -> None:
    """It does not say which one is meant."""
    with ZipFile(tmp_path / "two.zip", "w") as archive:
        for inner in ("a/", "b/"):
            for path in folder.iterdir():
                archive.write(path, inner + path.name)
    with pytest.raises(CheckpointRefused, match=r"one generator\.json in its zip, got 2"):
        read_checkpoint(tmp_path / "two.zip")


def test_a_repeated_field_is_refused(folder: Path) -> None:
    """The message names the file and the field."""
    path = folder / "discriminator.json"
    path.write_text(path.read_text().rstrip().removesuffix("}") + ', "channels": [8, 4]}')
    with pytest.raises(
        CheckpointRefused, match=r"discriminator\.json has the field 'channels' twice"
    ):
        read_checkpoint(folder)


def test_a_repeated_tensor_is_refused(folder: Path) -> None:
    """A safetensors header with one name twice does not say which tensor counts."""
    path = folder / "generator.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip()
    entry = json.dumps(json.loads(header)["blocks.0.const"])
    twice = header[:-1] + f',"blocks.0.const":{entry}}}'.encode()
    path.write_bytes(len(twice).to_bytes(8, "little") + twice + data[8 + length :])
    with pytest.raises(CheckpointRefused, match="safetensors"):
        read_checkpoint(folder)


def test_tensors_without_their_json_are_refused(tmp_path: Path, generator: Generator) -> None:
    """In one safetensors file, the metadata describes every network."""
    tensors = {f"generator.{k}": v.contiguous() for k, v in generator.state_dict().items()}
    tensors["inverter.w_mean"] = torch.zeros(8)
    metadata = {"generator": json.dumps(GENERATOR.to_dict())}
    safetensors.torch.save_file(tensors, tmp_path / "one.safetensors", metadata)
    with pytest.raises(CheckpointRefused, match=r"'inverter\.w_mean' belongs to no network"):
        read_checkpoint(tmp_path / "one.safetensors")


@pytest.mark.parametrize("inner", ["", "networks/"])
def test_a_zip_of_the_folder_is_read(
    inner: str, folder: Path, generator: Generator, tmp_path: Path
) -> None:
    """Members can be compressed, and can be in a folder inside the zip."""
    with ZipFile(tmp_path / "networks.zip", "w", ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, inner + path.name)
    assert_same(read_checkpoint(tmp_path / "networks.zip"), generator)


def test_one_safetensors_file_is_read(tmp_path: Path, generator: Generator) -> None:
    """Its metadata has the JSON, and tensor names begin with the network's name. Half precision becomes float32."""
    tensors = {f"generator.{k}": v.contiguous() for k, v in generator.state_dict().items()}
    metadata = {"generator": json.dumps(GENERATOR.to_dict())}
    safetensors.torch.save_file(tensors, tmp_path / "one.safetensors", metadata)
    assert_same(read_checkpoint(tmp_path / "one.safetensors"), generator)
    half_precision = {name: tensor.half() for name, tensor in tensors.items()}
    safetensors.torch.save_file(half_precision, tmp_path / "half.safetensors", metadata)
    read = read_checkpoint(tmp_path / "half.safetensors").generator.tensors
    assert {tensor.dtype for tensor in read.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks.0.const": None}, "lacks the tensor 'blocks.0.const'"),
        (
            {"blocks.0.const": torch.zeros(8, 4, 5)},
            r"expected the shape \[8, 4, 4\] of its tensor 'blocks.0.const', got \[8, 4, 5\]",
        ),
        ({"blocks.0.const": torch.full((8, 4, 4), torch.nan)}, "not finite"),
        ({"blocks.9.conv1.weight": torch.zeros(1)}, "no place in a StyleGAN2"),
    ],
    ids=["missing", "another shape", "not finite", "left over"],
)
def test_every_tensor_must_fit(
    change: dict[str, torch.Tensor | None], message: str, folder: Path, generator: Generator
) -> None:
    """Tensors that do not fit the network of the JSON are refused by name."""
    changed = {**generator.state_dict(), **change}
    tensors = {name: t.contiguous() for name, t in changed.items() if t is not None}
    safetensors.torch.save_file(tensors, folder / "generator.safetensors")
    with pytest.raises(CheckpointRefused, match=message):
        read_checkpoint(folder)


def test_bad_numbers_have_their_own_refusal(folder: Path, generator: Generator) -> None:
    """A caller can tell bad numbers from a file of another format."""
    tensors = {name: t.contiguous() for name, t in generator.state_dict().items()}
    tensors["blocks.0.const"] = torch.full((8, 4, 4), torch.inf)
    safetensors.torch.save_file(tensors, folder / "generator.safetensors")
    with pytest.raises(BadValues, match=r"This checkpoint was refused: .*holds inf"):
        read_checkpoint(folder)


def test_networks_larger_than_their_file_are_refused(folder: Path) -> None:
    """A large configuration allocates no memory."""
    large = {**GENERATOR.to_dict(), "channels": [8192] * 12}
    (folder / "generator.json").write_text(json.dumps(large))
    with pytest.raises(CheckpointRefused, match="larger than the file"):
        read_checkpoint(folder)
