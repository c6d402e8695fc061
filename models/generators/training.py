"""The interface of a generator's training, which every family implements. In: real images. Out: trained networks.

A training loop of the workers feeds batches, saves the state, and measures samples; it knows no family.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.arrays import Images


@dataclass(frozen=True)
class BuiltNetwork:
    """A network and the JSON that rebuilds it. `name` is its file's stem: generator, discriminator or inverter."""

    name: str
    network: nn.Module
    config: Mapping[str, Any]


class GeneratorTraining(Protocol):
    """A training in progress. Two trainings with the same seed, options and batches end with the same networks."""

    @property
    def images_seen(self) -> int:
        """Real images in all steps so far, those before a resumption included."""

    @property
    def measured_samples(self) -> int:
        """The number of samples that a measurement draws: more where a sample takes little time."""

    @property
    def keeps_latest(self) -> bool:
        """Whether the latest snapshot is the result; otherwise it is the one with the lowest distance to the images."""

    @property
    def device(self) -> torch.device: ...

    # real images in [-1, 1] => losses by name
    def step(self, reals: Images) -> dict[str, float]:
        """Train on one batch, which is on any device. Random numbers come from torch's global generators."""

    def samples(self, count: int, seed: int) -> Iterator[Images]:
        """Yield `count` samples of the averaged generator in parts, on its device. A seed fixes the latents."""

    def networks(self) -> tuple[BuiltNetwork, ...]:
        """Return the networks to keep: `generator`, the averaged one, and what its family needs beside it."""

    def load_networks(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Start from finished networks, by the names of `networks`; optimizers and counters stay new.

        Raises `RuntimeError` if they have other sizes.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return everything that resuming needs except random states: nested dicts of tensors and numbers."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state. Raises `RuntimeError` if it is of other networks."""
