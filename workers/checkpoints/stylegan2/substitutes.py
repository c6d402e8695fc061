"""Substitutes for the parts that a published file may lack: the mean of w, and the constant noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.mapping import Mapping
from workers.checkpoints.checkpoint import NetworkWeights

NUM_MEAN_SAMPLES = 10_000
SEED = 0

MEAN_W = "mapping.w_mean"
MISSING_MEAN_W = "mean w"


@dataclass(frozen=True)
class Substitute:
    """Tensors that replace missing ones. `missing` names the part for reports, `warning` is a sentence for the user.

    `build` is called only after the size of the network was checked against the size of the file.
    """

    build: Callable[[], dict[str, Tensor]]
    missing: str | None = None
    warning: str | None = None


def mean_w_placeholder(config: GeneratorConfig) -> Substitute:
    """Return zeros in place of the mean; `with_measured_mean_w` replaces them."""
    return Substitute(
        lambda: {MEAN_W: torch.zeros(config.w_dim)},
        MISSING_MEAN_W,
        "The file has no mean w (w_avg, latent_avg), which truncation needs: "
        f"it was measured on {NUM_MEAN_SAMPLES} latents of a fixed seed.",
    )


def random_noise(config: GeneratorConfig) -> Substitute:
    """Return normal noise of a fixed seed, for files that do not store noise maps."""

    def build() -> dict[str, Tensor]:
        rng = torch.Generator().manual_seed(SEED)
        return {name: torch.randn(px, generator=rng) for name, px in _noise_px(config).items()}

    return Substitute(
        build,
        "noise maps",
        "The file has no noise maps: they were drawn from a fixed seed, so fine texture differs from other programs.",
    )


def zero_noise(config: GeneratorConfig) -> Substitute:
    """Return noise of strength 0, for networks that were trained without noise. Nothing is missing there."""

    def build() -> dict[str, Tensor]:
        maps = {name: torch.zeros(px) for name, px in _noise_px(config).items()}
        strengths = {k.replace("noise_const", "noise_strength"): torch.zeros(()) for k in maps}
        return maps | strengths

    return Substitute(build)


def with_measured_mean_w(weights: NetworkWeights) -> NetworkWeights:
    """Measure the mean of w over latents of a fixed seed, and store it in the weights."""
    mapping = Mapping(GeneratorConfig.from_dict(weights.config))
    prefix = "mapping."
    mapping.load_state_dict(
        {k.removeprefix(prefix): v for k, v in weights.tensors.items() if k.startswith(prefix)}
    )
    rng = torch.Generator().manual_seed(SEED)
    z = torch.randn(NUM_MEAN_SAMPLES, weights.config["z_dim"], generator=rng)
    with torch.no_grad():
        mean = torch.cat([mapping(part) for part in z.split(1000)]).mean(dim=0)
    return replace(weights, tensors={**weights.tensors, MEAN_W: mean})


def _noise_px(config: GeneratorConfig) -> dict[str, tuple[int, int]]:
    """Return the name and size (height, width) of every noise map."""
    return {
        f"blocks.{k}.conv{n}.noise_const": config.block_px(k)
        for k in range(config.num_blocks)
        for n in ((1,) if k == 0 else (0, 1))
    }
