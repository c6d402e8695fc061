"""What stands for the parts that a published file may lack: the mean of w, and the constant noise."""

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
class StandIn:
    """Tensors of ours in place of some that a file lacks; `missing` names those, `warning` tells the user.

    They are made only once the network's size has been held against the file's.
    """

    make: Callable[[], dict[str, Tensor]]
    missing: str | None = None
    warning: str | None = None


def no_mean_w(config: GeneratorConfig) -> StandIn:
    """A place for the mean, until `with_measured_mean_w`."""
    return StandIn(
        lambda: {MEAN_W: torch.zeros(config.w_dim)},
        MISSING_MEAN_W,
        "The file has no mean w (w_avg, latent_avg), which truncation needs: "
        f"it was measured on {NUM_MEAN_SAMPLES} latents of a fixed seed.",
    )


def drawn_noise(config: GeneratorConfig) -> StandIn:
    """Normal noise of a fixed seed, for networks that never kept theirs."""

    def make() -> dict[str, Tensor]:
        chance = torch.Generator().manual_seed(SEED)
        return {name: torch.randn(px, generator=chance) for name, px in _noise(config).items()}

    return StandIn(
        make,
        "noise maps",
        "The file has no noise maps: they were drawn from a fixed seed, so fine texture differs from other programs'.",
    )


def no_noise(config: GeneratorConfig) -> StandIn:
    """Noise of strength 0, for networks that were trained without: nothing is missing there."""

    def make() -> dict[str, Tensor]:
        maps = {name: torch.zeros(px) for name, px in _noise(config).items()}
        strengths = {k.replace("noise_const", "noise_strength"): torch.zeros(()) for k in maps}
        return maps | strengths

    return StandIn(make)


def with_measured_mean_w(weights: NetworkWeights) -> NetworkWeights:
    """The mean of w over latents that are the same every time."""
    mapping = Mapping(GeneratorConfig.from_dict(weights.config))
    prefix = "mapping."
    mapping.load_state_dict(
        {k.removeprefix(prefix): v for k, v in weights.tensors.items() if k.startswith(prefix)}
    )
    chance = torch.Generator().manual_seed(SEED)
    z = torch.randn(NUM_MEAN_SAMPLES, weights.config["z_dim"], generator=chance)
    with torch.no_grad():
        mean = torch.cat([mapping(part) for part in z.split(1000)]).mean(dim=0)
    return replace(weights, tensors={**weights.tensors, MEAN_W: mean})


def _noise(config: GeneratorConfig) -> dict[str, tuple[int, int]]:
    """Name and size of every noise map."""
    return {
        f"blocks.{k}.conv{n}.noise_const": config.block_px(k)
        for k in range(config.num_blocks)
        for n in ((1,) if k == 0 else (0, 1))
    }
