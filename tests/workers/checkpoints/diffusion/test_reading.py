"""Diffusers pipelines are read without `from_pretrained`: allow-listed configs, strict weights, old names."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from models.generators.diffusion.generator import build_generator
from tests.workers.checkpoints.diffusion.pipelines import (
    INDEX,
    SCHEDULE,
    WEIGHTS,
    make_network,
    pipeline,
    tarred,
    write_zip,
    zipped,
)
from workers.checkpoints.checkpoint import (
    MAX_MESSAGE,
    BadValues,
    Checkpoint,
    CheckpointRefused,
    Recognized,
)
from workers.checkpoints.diffusion.reading import OLD_NAMES, read_checkpoint

RESNET = {
    "down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"],
    "downsample_type": "resnet",
    "upsample_type": "resnet",
    "resnet_time_scale_shift": "scale_shift",
}


def difference(checkpoint: Checkpoint, **network: object) -> float:
    """Return the largest difference between an imported network and the library's own with the same weights."""
    generator = build_generator(checkpoint.generator.config, checkpoint.generator.tensors)
    # The same layout in memory: another one adds in another order.
    own = make_network(**network).to(memory_format=torch.channels_last)
    height, width = generator.config.image_px
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    classes = torch.tensor([1, 2]) if generator.config.num_classes else None
    ours = generator.unet(x, 70, class_labels=classes).sample
    return float((ours - own(x, 70, class_labels=classes).sample).abs().max())


@pytest.mark.parametrize(
    "network",
    [{}, RESNET, {"num_class_embeds": 3}, {"sample_size": [32, 16]}, {"attention_head_dim": None}],
    ids=["plain", "resnet", "classes", "tall", "one head"],
)
def test_an_imported_network_is_the_librarys_own(tmp_path: Path, network: dict[str, Any]) -> None:
    """The same prediction as UNet2DModel that was built and loaded by the library."""
    checkpoint = read_checkpoint(write_zip(tmp_path / "net.zip", pipeline(**network)))
    assert checkpoint.format == "diffusers"
    assert difference(checkpoint, **network) == 0


def test_folders_tars_and_the_first_layout_are_read(tmp_path: Path) -> None:
    """A folder, an uncompressed tar, a zip with one folder around all, and files beside the index."""
    files = pipeline()
    for name, content in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    (tmp_path / "tar").write_bytes(tarred(files))
    (tmp_path / "inner").write_bytes(zipped(files, "ddpm/"))
    (tmp_path / "flat").write_bytes(zipped({name.split("/")[-1]: files[name] for name in files}))
    for name in ("folder", "tar", "inner", "flat"):
        assert difference(read_checkpoint(tmp_path / name)) == 0


def test_old_names_of_attention_are_renamed(tmp_path: Path) -> None:
    """Early versions of diffusers named attention query, key, value and proj_attn."""
    tensors = {}
    for name, tensor in make_network().state_dict().items():
        for old, new in OLD_NAMES.items():
            name = name.replace(f".{new}.", f".{old}.")  # noqa: PLW2901 - one replacement after another
        tensors[name] = tensor
    assert any("proj_attn" in name for name in tensors)
    checkpoint = read_checkpoint(write_zip(tmp_path / "old.zip", pipeline(tensors=tensors)))
    assert difference(checkpoint) == 0


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    """Weights are stored in one precision."""
    tensors = {name: tensor.half() for name, tensor in make_network().state_dict().items()}
    checkpoint = read_checkpoint(write_zip(tmp_path / "half.zip", pipeline(tensors=tensors)))
    assert {tensor.dtype for tensor in checkpoint.generator.tensors.values()} == {torch.float32}


HOSTILE_NETWORKS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"auto_map": {"AutoModel": "evil.Net"}}, "unknown key 'auto_map'"),
    "other class": ({"_class_name": "EvilModel"}, "'EvilModel' is no supported value"),
    "unknown block": (
        {"down_block_types": ["DownBlock2D", "evil.Block"]},
        "no supported value of down_block_types",
    ),
    "other block": (
        {"up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]},
        "no supported value of up_block_types",
    ),
    "huge channels": (
        {"block_out_channels": [8, 10**9]},
        "no supported value of block_out_channels",
    ),
    "too many blocks": (
        {"block_out_channels": [8] * 9},
        "no supported value of block_out_channels",
    ),
    "too many layers": ({"layers_per_block": 10**6}, "no supported value of layers_per_block"),
    "a boolean as a number": ({"layers_per_block": True}, "no supported value of layers_per_block"),
    "too many parameters": (
        {"block_out_channels": [2048, 2048], "layers_per_block": 4},
        "at most 600000000 parameters",
    ),
    "too much work": (
        {
            "sample_size": 1024,
            "block_out_channels": [512, 512],
            "down_block_types": ["DownBlock2D"] * 2,
            "up_block_types": ["UpBlock2D"] * 2,
        },
        "multiply-adds",
    ),
    "blocks that differ in number": ({"block_out_channels": [8]}, "as many down_block_types"),
    "an odd size": ({"sample_size": 17}, "2 divides"),
    "groups that do not divide": ({"norm_num_groups": 7}, "does not fit together"),
    "heads that are too wide": ({"attention_head_dim": 64}, "attention_head_dim of at most"),
    "latents": ({"in_channels": 4}, "no supported value of in_channels"),
}


@pytest.mark.parametrize("name", HOSTILE_NETWORKS)
def test_hostile_networks_are_refused(tmp_path: Path, name: str) -> None:
    """Each is refused before a network of its size is built, with a message that names the cause."""
    changes, message = HOSTILE_NETWORKS[name]
    path = write_zip(tmp_path / "net.zip", pipeline(weights_of={}, **changes))
    with pytest.raises(Recognized, match=re.escape(message)) as refused:
        read_checkpoint(path)
    assert len(str(refused.value)) <= MAX_MESSAGE


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({**INDEX, "_class_name": ["evil", "Pipeline"]}, "no supported value of _class_name"),
        ({**INDEX, "unet": ["evil", "UNet2DModel"]}, "no supported value of unet"),
        ({**INDEX, "vqvae": ["diffusers", "VQModel"]}, "unknown key 'vqvae'"),
    ],
)
def test_other_pipelines_are_refused(
    tmp_path: Path, index: dict[str, object], message: str
) -> None:
    """Pipelines with their own code or with latents."""
    with pytest.raises(Recognized, match=message):
        read_checkpoint(write_zip(tmp_path / "net.zip", pipeline(index=index)))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"trained_betas": [0.1] * 1000}, "trained_betas"),
        ({"num_train_timesteps": 10**9}, "num_train_timesteps"),
        ({"beta_schedule": "evil"}, "beta_schedule"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "_class_name"),
    ],
)
def test_other_schedules_are_refused(
    tmp_path: Path, schedule: dict[str, object], message: str
) -> None:
    """A schedule that the sampler would misread gives noise, not images."""
    files = pipeline(schedule={**SCHEDULE, **schedule})
    with pytest.raises(Recognized, match=f"no supported value of {message}"):
        read_checkpoint(write_zip(tmp_path / "net.zip", files))


def test_weights_are_loaded_strictly(tmp_path: Path) -> None:
    """A missing tensor, an unknown one, another shape."""
    whole = make_network().state_dict()
    missing = {name: tensor for name, tensor in whole.items() if name != "conv_in.bias"}
    cases = {
        "lack 1 tensors of its config, for example 'conv_in.bias'": missing,
        "hold 1 tensors that its config lacks, for example 'evil'": {
            **whole,
            "evil": torch.ones(1),
        },
        "expected shape [8] of its tensor 'conv_in.bias', got [9]": {
            **whole,
            "conv_in.bias": torch.ones(9),
        },
    }
    for message, tensors in cases.items():
        path = write_zip(tmp_path / "net.zip", pipeline(tensors=tensors))
        with pytest.raises(Recognized, match=re.escape(message)):
            read_checkpoint(path)


def test_numbers_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    """The message names the tensor."""
    tensors = {**make_network().state_dict(), "conv_in.bias": torch.full((8,), torch.nan)}
    with pytest.raises(BadValues, match=r"conv_in\.bias.*holds nan"):
        read_checkpoint(write_zip(tmp_path / "net.zip", pipeline(tensors=tensors)))


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a\\b"])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing is unpacked; such names show that the archive is hostile."""
    path = write_zip(tmp_path / "net.zip", {**pipeline(), name: b""})
    with pytest.raises(Recognized, match="relative names"):
        read_checkpoint(path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    """Only safetensors; the message says how to write them."""
    files = pipeline()
    files["unet/diffusion_pytorch_model.bin"] = files.pop(WEIGHTS)
    with pytest.raises(Recognized, match=r"safe_serialization=True"):
        read_checkpoint(write_zip(tmp_path / "net.zip", files))


def test_long_and_broken_files_are_refused(tmp_path: Path) -> None:
    """A JSON of many bytes, a JSON that is none, weights that are no safetensors, an archive that is cut short."""
    cases = {
        "at most 100000 bytes": {"unet/config.json": b" " * 200_000},
        "not readable as JSON": {"unet/config.json": b"{"},
        "safetensors header": {WEIGHTS: b"\xff" * 100},
    }
    for message, files in cases.items():
        with pytest.raises(Recognized, match=message):
            read_checkpoint(write_zip(tmp_path / "net.zip", {**pipeline(), **files}))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(zipped(pipeline())[:-100])
    with pytest.raises(CheckpointRefused, match="not readable as an archive"):
        read_checkpoint(cut)


def test_other_files_are_left_to_other_families(tmp_path: Path) -> None:
    """Only a file with an index is recognized."""
    (tmp_path / "net.json").write_bytes(b"{}")
    (tmp_path / "net.zip").write_bytes(zipped({"generator.json": b"{}"}))
    for name in ("net.json", "net.zip"):
        with pytest.raises(CheckpointRefused) as refused:
            read_checkpoint(tmp_path / name)
        assert not isinstance(refused.value, Recognized)
