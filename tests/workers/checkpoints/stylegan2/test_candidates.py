"""Finding a generator in a file: each wrapping that people use is read, or named in the refusal."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from tests.workers.checkpoints.makers import FIXTURES, State, other, prefixed, rosinality, save
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.stylegan2.drafts import format_name
from workers.checkpoints.stylegan2.nvidia import GENERATOR_NAMES
from workers.checkpoints.stylegan2.reading import read_checkpoint
from workers.runtime.weights import write_network

PLAIN = FIXTURES / "rosinality-32.pt"

Top = Callable[[State, torch.Tensor], object]

# The top-level value of a file, from a generator's tensors and its mean w.
READ: dict[str, Top] = {
    "DataParallel": lambda g, w: {"g_ema": prefixed(g, "module."), "latent_avg": w},
    "torch.compile": lambda g, w: {"g_ema": prefixed(g, "_orig_mod."), "latent_avg": w},
    "compiled, then DDP": lambda g, w: {"g_ema": prefixed(g, "module._orig_mod."), "latent_avg": w},
    "wrapped twice": lambda g, w: {"g_ema": prefixed(g, "module.module."), "latent_avg": w},
    "one part compiled": lambda g, w: {
        "g_ema": {k.replace("convs.", "convs._orig_mod."): v for k, v in g.items()},
        "latent_avg": w,
    },
    "FSDP": lambda g, w: {"g_ema": prefixed(g, "_fsdp_wrapped_module."), "latent_avg": w},
    "prefix model": lambda g, w: {"g_ema": prefixed(g, "model."), "latent_avg": w},
    "bare with a prefix": lambda g, w: {**prefixed(g, "generator."), "latent_avg": w},
    "bare": lambda g, w: {**g, "latent_avg": w},
    "the mean in the state": lambda g, w: {"g_ema": {**g, "latent_avg": w}},
    "Lightning": lambda g, w: {
        "state_dict": {**prefixed(g, "generator."), "discriminator.convs.0.0.weight": w},
        "latent_avg": w,
        "epoch": 3,
        "callbacks": {"ModelCheckpoint": {"best_model_path": "x.ckpt"}},
        "hyper_parameters": {"lr": 0.002, "channels": [1, 2]},
    },
    "Lightning with an average": lambda g, w: {
        "state_dict": {**prefixed(other(g), "generator."), **prefixed(g, "generator_ema.")},
        "latent_avg": w,
    },
    "AveragedModel": lambda g, w: {
        "state_dict": {
            **prefixed(other(g), "netG."),
            **prefixed(g, "ema.module."),
            "ema.n_averaged": torch.tensor(7),
        },
        "latent_avg": w,
    },
    "another key for the average": lambda g, w: {"netG_ema": g, "netG": other(g), "latent_avg": w},
    "params and params_ema": lambda g, w: {"params": other(g), "params_ema": g, "latent_avg": w},
    "model in a checkpoint": lambda g, w: {"checkpoint": {"model": g}, "latent_avg": w},
    "training": lambda g, w: {
        "g": other(g),
        "g_ema": prefixed(g, "module."),
        "latent_avg": w,
        "args": argparse.Namespace(size=32),
        "g_optim": {"state": {0: {"exp_avg": w}}, "param_groups": [{"lr": 0.1}]},
    },
}


def same(ours: Checkpoint, theirs: Checkpoint) -> bool:
    """Return whether both have the same generator, bit by bit."""
    return all(
        tensor.equal(ours.generator.tensors[name])
        for name, tensor in theirs.generator.tensors.items()
    )


@pytest.mark.parametrize("habit", sorted(READ))
def test_a_wrapped_generator_is_read_like_the_plain_one(habit: str, tmp_path: Path) -> None:
    """The averaged generator is read, with its mean w."""
    checkpoint = read_checkpoint(save(READ[habit](*rosinality()), tmp_path / "wrapped.pt"))
    assert same(checkpoint, read_checkpoint(PLAIN))
    assert checkpoint.missing == ("discriminator",)


@pytest.mark.parametrize("key", ["g", "generator", "netG", "gen"])
def test_a_generator_in_training_is_read_with_a_warning(key: str, tmp_path: Path) -> None:
    """The file has no averaged generator, so the user gets a warning."""
    state, mean_w = rosinality()
    checkpoint = read_checkpoint(save({key: state, "latent_avg": mean_w}, tmp_path / "g.pt"))
    assert same(checkpoint, read_checkpoint(PLAIN))
    assert f"the one in training ({key}) was used" in checkpoint.warnings[0]


REFUSED: dict[str, tuple[Top, str]] = {
    "an unknown prefix": (
        lambda g, _: {"g_ema": prefixed(g, "teacher.")},
        r"under 'g_ema' > 'teacher'; expected no prefix, or one such as g_ema.*Save only the network",
    ),
    "an unknown key": (lambda g, _: {"student": g}, "under 'student'; expected"),
    "two averages": (
        lambda g, _: {"g_ema": g, "ema": other(g)},
        "2 generators, under 'g_ema' and 'ema'",
    ),
    "two in training": (
        lambda g, _: {"generator": g, "netG": other(g)},
        "2 generators, under 'generator' and 'netG'",
    ),
    "with a wrapper and without": (
        lambda g, _: {"g_ema": {**g, **prefixed(other(g), "module.")}},
        "'style.1.weight' twice, once as 'module.style.1.weight'",
    ),
    "half under a prefix": (
        lambda g, _: {
            "g_ema": {k if k < "d" else f"model.{k}": v for k, v in g.items()},
        },
        "2 generators, under 'g_ema' and 'g_ema' > 'model'",
    ),
    "no generator": (
        lambda _, w: {"d": {"final_conv.0.weight": w}, "step": 3},
        r"expected a generator \(G_ema, g_ema\) at its top level, got 'd', 'step'",
    ),
    "an average of something else": (
        lambda _, w: {"g_ema": {"layer.weight": w}},
        "lacks the tensor 'conv1.conv.weight'",
    ),
}


@pytest.mark.parametrize("habit", sorted(REFUSED))
def test_an_ambiguous_file_is_refused_by_its_key_or_prefix(habit: str, tmp_path: Path) -> None:
    """The message names the keys, the expected keys and a remedy."""
    top, message = REFUSED[habit]
    with pytest.raises(CheckpointRefused, match=message) as refused:
        read_checkpoint(save(top(*rosinality()), tmp_path / "refused.pt"))
    assert len(str(refused.value)) <= 300


def nvidia() -> tuple[GeneratorConfig, State]:
    """Return a generator's config and its tensors under NVIDIA's names, as in `torch.save(G.state_dict())`."""
    config = GeneratorConfig(z_dim=16, w_dim=16, channels=(8, 4), num_mapping_layers=2)
    state = Generator(config).state_dict()
    return config, {format_name(name, GENERATOR_NAMES): tensor for name, tensor in state.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "G_ema.", "model.generator."])
@pytest.mark.parametrize("key", [None, "G_ema", "state_dict"])
def test_nvidia_names_may_have_prefixes_too(key: str | None, prefix: str, tmp_path: Path) -> None:
    """The prefixes and keys that work for rosinality's names work for NVIDIA's."""
    config, state = nvidia()
    named: Any = prefixed(state, prefix)
    checkpoint = read_checkpoint(save({key: named} if key else named, tmp_path / "g.pt"))
    assert checkpoint.format == "nvidia-pickle"
    assert GeneratorConfig.from_dict(checkpoint.generator.config).channels == config.channels
    ours = checkpoint.generator.tensors
    assert all(ours[k].equal(state[format_name(k, GENERATOR_NAMES)]) for k in ours)


@pytest.mark.parametrize("prefix", ["", "module.", "g_ema."])
def test_foreign_names_in_safetensors_are_read(prefix: str, tmp_path: Path) -> None:
    """Users convert a .pt to safetensors and keep the names."""
    state, mean_w = rosinality()
    tensors = prefixed(state, prefix) | {"latent_avg": mean_w}
    safetensors.torch.save_file(tensors, tmp_path / "g.safetensors")
    assert same(read_checkpoint(tmp_path / "g.safetensors"), read_checkpoint(PLAIN))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "g_ema.", "module.generator."])
def test_our_own_names_may_have_prefixes(prefix: str, tmp_path: Path) -> None:
    """One of our networks was saved again from inside a wrapper."""
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1)
    generator = Generator(config)
    write_network(tmp_path, "generator", generator, config.to_dict())
    tensors = {prefix + k: v.contiguous() for k, v in generator.state_dict().items()}
    safetensors.torch.save_file(tensors, tmp_path / "generator.safetensors")
    read = read_checkpoint(tmp_path).generator.tensors
    assert all(read[name].equal(tensor) for name, tensor in generator.state_dict().items())


def test_our_own_names_under_an_unknown_prefix_are_refused(tmp_path: Path) -> None:
    """The message has the prefix."""
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1)
    generator = Generator(config)
    write_network(tmp_path, "generator", generator, config.to_dict())
    tensors = {f"teacher.{k}": v.contiguous() for k, v in generator.state_dict().items()}
    safetensors.torch.save_file(tensors, tmp_path / "generator.safetensors")
    with pytest.raises(CheckpointRefused, match=r"begin with 'teacher\.'; expected no prefix"):
        read_checkpoint(tmp_path)
