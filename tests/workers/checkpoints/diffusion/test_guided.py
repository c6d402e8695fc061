"""State dicts of guided-diffusion: outputs equal to the published code's, options, refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from contracts.generators.import_options import ImportOptions
from models.generators.diffusion.generator import DiffusionGenerator, build_generator
from tests.workers.checkpoints.diffusion.guided_nets import (
    OPTIONS,
    read_expected,
    read_state,
    save,
    write_checkpoint,
)
from workers.checkpoints.checkpoint import CheckpointRefused, Recognized
from workers.checkpoints.diffusion.guided import read_checkpoint

State = dict[str, Any]

PLAIN = "residual-head-major"
OTHER_ORDER = {"head_major": "qkv_major", "qkv_major": "head_major"}


def options_of(name: str, **changes: object) -> ImportOptions:
    """Return the options of a fixture with some changes. None removes one."""
    return ImportOptions.model_validate({**OPTIONS[name], **changes})


def load(name: str, folder: Path, **changes: object) -> DiffusionGenerator:
    """Return the generator of a fixture's checkpoint, in the published code's layout: others add in another order."""
    weights = read_checkpoint(write_checkpoint(name, folder), options_of(name, **changes)).generator
    generator = build_generator(weights.config, weights.tensors)
    generator.unet.to(memory_format=torch.contiguous_format)
    return generator


def run(generator: DiffusionGenerator, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's `output`, and its decoder maps under the names of the fixtures."""
    maps: dict[str, Tensor] = {}
    for block in generator.unet.up_blocks:
        layers = list(getattr(block, "attentions", block.resnets))
        if block.upsamplers is not None:
            layers[-1] = block.upsamplers[0]
        for layer in layers:
            layer.register_forward_hook(
                lambda _layer, _inputs, out: maps.update({f"map_{len(maps):02d}": out})
            )
    with torch.no_grad():
        classes = inputs.get("classes")
        output = generator.unet(inputs["x"], inputs["t"], class_labels=classes, return_dict=False)
    return {**maps, "output": output[0]}


def largest_difference(name: str, generator: DiffusionGenerator) -> float:
    """Return the largest difference of the network's output and maps from the published code's."""
    expected = read_expected(name)
    computed = run(generator, expected)
    assert {key for key in expected if key.startswith("map_")} == computed.keys() - {"output"}
    return max(
        float((values - expected[key][:, : values.shape[1]]).abs().max())
        for key, values in computed.items()
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_output_and_maps_equal_the_published_codes(name: str, tmp_path: Path) -> None:
    """The predicted noise and every decoder map differ by less than 1e-5, in both attention orders."""
    assert largest_difference(name, load(name, tmp_path)) < 1e-5


@pytest.mark.parametrize("name", [PLAIN, "residual-qkv-major-classes"])
def test_the_wrong_attention_order_loads_and_differs(name: str, tmp_path: Path) -> None:
    """Nothing in the file shows the order, and the maps are wrong by more than 0.1: so the option is required."""
    wrong = OTHER_ORDER[OPTIONS[name]["attention_order"]]
    assert largest_difference(name, load(name, tmp_path, attention_order=wrong)) > 0.1


@pytest.mark.parametrize("name", OPTIONS)
def test_the_noise_schedule_equals_the_published_one(name: str, tmp_path: Path) -> None:
    """Linear and cosine, 1,000 and 4,000 steps."""
    alphas = load(name, tmp_path).scheduler.alphas_cumprod.double()
    steps = len(alphas)
    at = alphas[[0, steps // 4, steps // 2, steps - 1]]
    torch.testing.assert_close(at, read_expected(name)["alphas"], rtol=1e-5, atol=1e-6)


def test_the_structure_is_read_from_the_shapes(tmp_path: Path) -> None:
    """Levels, channels, residual blocks, attention, classes and kind of sampler need no option."""
    config = load("residual-qkv-major-classes", tmp_path).config
    assert (config.block_out_channels, config.layers_per_block) == ((32, 32, 64), 2)
    attention = ("ResnetDownsampleBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
    assert config.down_block_types == attention
    assert (config.num_classes, config.resnet_time_scale_shift) == (5, "scale_shift")
    other = load("convolutions-heads", tmp_path).config
    assert (other.attention_heads, other.downsample_type, other.timestep_scale) == (4, "conv", 0.25)


def test_a_generator_is_rebuilt_from_its_json(tmp_path: Path) -> None:
    """The number of heads and the scale of the steps are in the configuration."""
    generator = load("convolutions-heads", tmp_path)
    again = build_generator(generator.config.to_dict(), dict(generator.state_dict()))
    assert largest_difference("convolutions-heads", again) < 1e-5


def test_the_warnings_name_what_was_dropped_and_assumed(tmp_path: Path) -> None:
    """The variance is dropped; 64 channels for each head are assumed where they divide."""
    state = read_state("one-level-half")
    wide = {name: _widened(tensor) for name, tensor in state.items()}
    options = options_of("one-level-half", head_channels=None)
    checkpoint = read_checkpoint(save(wide, tmp_path / "wide.pt"), options)
    assert [word in " ".join(checkpoint.warnings) for word in ("learn_sigma", "64")] == [True] * 2
    assert checkpoint.generator.config["attention_head_dim"] == 64


def _widened(tensor: Tensor) -> Tensor:
    """Return zeros for a network of twice the channels: only 3 and 6 are no numbers of channels."""
    return torch.zeros([size if size in (1, 3, 6) else 2 * size for size in tensor.shape])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_order": None}, r"attention_order \(head_major or qkv_major\)"),
        ({"noise_schedule": None}, r"noise_schedule \(linear or cosine\)"),
        ({"px": None}, r"px \(the side"),
        ({"head_channels": None}, "head_channels to divide the 32 channels .*, got 64"),
        ({"head_channels": None, "num_heads": 5}, "num_heads to divide the 32 channels .*, got 5"),
        ({"px": 9}, "expected a px that 2 divides"),
        ({"num_timesteps": 500}, "rescale_timesteps"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_missing_and_misfit_options_are_named(changes: State, message: str, tmp_path: Path) -> None:
    """The message is at most 300 characters and names the option with its values."""
    path = write_checkpoint(PLAIN, tmp_path)
    with pytest.raises(Recognized, match=message) as refusal:
        read_checkpoint(path, options_of(PLAIN, **changes))
    assert len(str(refusal.value)) <= 300
    assert "docs/10-checkpoints.md" in str(refusal.value) or "px" in changes


def _without(prefix: str) -> Callable[[State], State]:
    return lambda state: {k: v for k, v in state.items() if not k.startswith(prefix)}


def _with(**tensors: object) -> Callable[[State], State]:
    return lambda state: {**state, **{k.replace("__", "."): v for k, v in tensors.items()}}


HOSTILE: dict[str, tuple[Callable[[State], State], str]] = {
    "a block is missing": (_without("output_blocks.1."), "lack"),
    "no decoder": (_without("output_blocks."), "no output_blocks"),
    "an extra tensor": (_with(extra=torch.zeros(1)), "hold 1 tensors .* 'extra'"),
    "a block too many": (_with(output_blocks__9999__x=torch.zeros(1)), "at most 40 output_blocks"),
    "a wrong rank": (_with(time_embed__0__weight=torch.zeros(128)), "expected 2 dimensions"),
    "an empty tensor": (_with(out__2__weight=torch.zeros(0, 32, 3, 3)), "expected 4 dimensions"),
    "a wrong shape": (_with(out__0__bias=torch.zeros(31)), r"expected shape \[32\]"),
    "integers": (_with(out__0__bias=torch.zeros(32).long()), "floating-point"),
    "no tensor": (_with(step=3), "expected only tensors .* 'step'"),
    "nan": (_with(out__0__bias=torch.full((32,), torch.nan)), "holds nan"),
    "an upsampler": (_with(input_blocks__0__0__weight=torch.zeros(32, 6, 3, 3)), "upsampler"),
    "grey": (_with(input_blocks__0__0__weight=torch.zeros(32, 1, 3, 3)), "3 image channels"),
    "five outputs": (_with(out__2__weight=torch.zeros(5, 32, 3, 3)), "3 or 6 channels"),
    "huge channels": (
        _with(
            input_blocks__0__0__weight=torch.zeros(1, 1, 1, 1).expand(2**20, 3, 3, 3),
            time_embed__0__weight=torch.zeros(1, 1).expand(4, 2**20),
            input_blocks__1__0__in_layers__2__weight=torch.zeros(1, 1, 1, 1).expand(
                2**20, 32, 3, 3
            ),
        ),
        "reaches beyond its storage",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_state_dicts_are_refused(case: str, tmp_path: Path) -> None:
    """The message names the flaw."""
    change, message = HOSTILE[case]
    path = save(change(read_state(PLAIN)), tmp_path / "hostile.pt")
    with pytest.raises(CheckpointRefused, match=message):
        read_checkpoint(path, options_of(PLAIN))


def test_a_level_of_too_many_channels_is_refused(tmp_path: Path) -> None:
    """A few large tensors in a small network: the limit of channels is checked before the network is built."""
    state = read_state(PLAIN)
    half = torch.float16
    state["input_blocks.0.0.weight"] = torch.zeros(4096, 3, 3, 3, dtype=half)
    state["time_embed.0.weight"] = torch.zeros(128, 4096, dtype=half)
    state["input_blocks.1.0.in_layers.2.weight"] = torch.zeros(4096, 32, 3, 3, dtype=half)
    state["input_blocks.1.0.emb_layers.1.weight"] = torch.zeros(8192, 128, dtype=half)
    with pytest.raises(Recognized, match=r"4096.* is no supported value of block_out_channels"):
        read_checkpoint(save(state, tmp_path / "wide.pt"), options_of(PLAIN))


def test_a_network_of_too_many_multiply_adds_is_refused(tmp_path: Path) -> None:
    """Attention at 1024 px costs 1024^4 operations; `px` is the caller's."""
    path = write_checkpoint("one-level-half", tmp_path)
    with pytest.raises(Recognized, match="multiply-adds"):
        read_checkpoint(path, options_of("one-level-half", px=1024))


def test_numbers_that_many_tensors_share_are_refused(tmp_path: Path) -> None:
    """A small file must not become a large network."""
    storage = torch.zeros(64 * 64 * 9)
    state = {
        name: storage[: tensor.numel()].view(tensor.shape)
        for name, tensor in read_state(PLAIN).items()
    }
    with pytest.raises(Recognized, match="4 times the bytes"):
        read_checkpoint(save(state, tmp_path / "shared.pt"), options_of(PLAIN))


def test_very_many_names_are_refused(tmp_path: Path) -> None:
    """The budget of pickle operations ends the reading."""
    one = torch.zeros(1)
    state = {"time_embed.0.weight": one, **{f"input_blocks.{i}.x": one for i in range(150_000)}}
    with pytest.raises(CheckpointRefused, match="pickle operations"):
        read_checkpoint(save(state, tmp_path / "names.pt"), options_of(PLAIN))


def test_a_state_dict_below_a_key_is_refused_with_its_key(tmp_path: Path) -> None:
    """The message says how to save it alone."""
    path = save({"model": read_state(PLAIN)}, tmp_path / "nested.pt")
    with pytest.raises(Recognized, match=r"below the key 'model'.*torch.save"):
        read_checkpoint(path, options_of(PLAIN))


@pytest.mark.parametrize(
    ("prefix", "options"), [("module.", {}), ("", {"_use_new_zipfile_serialization": False})]
)
def test_wrappers_and_the_old_file_of_torch_are_read(
    prefix: str, options: State, tmp_path: Path
) -> None:
    """The names of DataParallel, and torch's old file format, give the same network."""
    state = {f"{prefix}{name}": tensor for name, tensor in read_state(PLAIN).items()}
    path = save(state, tmp_path / "net.pt", **options)
    weights = read_checkpoint(path, options_of(PLAIN)).generator
    assert largest_difference(PLAIN, build_generator(weights.config, weights.tensors)) < 1e-5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}.", b"hello"])
def test_other_files_are_left_to_other_families(content: bytes, tmp_path: Path) -> None:
    """The refusal is not `Recognized`, so the next family reads the file."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CheckpointRefused) as refusal:
        read_checkpoint(tmp_path / "file", ImportOptions())
    assert not isinstance(refusal.value, Recognized)
