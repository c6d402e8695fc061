"""Snapshots: distances to the images, the sheet, and states that continue a training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from models.generators.training import BuiltNetwork
from workers.training.snapshots import (
    Ruler,
    draw_grid,
    feature_config,
    pack_state,
    restore,
    unpack_state,
)


class Noise:
    """A training whose samples are noise around a mean, and a source of images around 0."""

    measured_samples = 60
    keeps_latest = False
    images_seen = 0
    device = torch.device("cpu")

    def __init__(self, mean: float = 0.0, px: tuple[int, int] = (16, 16)) -> None:
        self.mean = torch.tensor(mean)
        self.px = px

    def __len__(self) -> int:
        return 100

    def read(self, indices: Sequence[int]) -> Tensor:
        rng = torch.Generator().manual_seed(5)
        return torch.rand(100, 3, *self.px, generator=rng)[list(indices)] - 0.5

    def step(self, reals: Tensor) -> dict[str, float]:
        return {}

    def samples(self, count: int, seed: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(seed)
        images = torch.rand(count, 3, *self.px, generator=rng) - 0.5 + self.mean
        yield from images.split(25)

    def networks(self) -> tuple[BuiltNetwork, ...]:
        return ()

    def load_networks(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.mean = state["mean"]


def test_the_distance_grows_with_the_difference_to_the_images() -> None:
    """It is the same for the same samples; the first samples become the sheet."""
    ruler = Ruler(Noise(), seed=1, device=torch.device("cpu"))
    near, again, far = (ruler.measure(Noise(mean)) for mean in (0.0, 0.0, 0.4))
    assert near.fd == again.fd < far.fd
    assert near.samples.shape == (60, 3, 16, 16)
    assert draw_grid(near.samples).size == (8 * 16, 8 * 16)


def test_large_samples_are_reduced() -> None:
    """The distance is measured at full size; the samples of the sheet have at most 128 px a side."""
    wide = Noise(px=(8, 256))
    measurement = Ruler(wide, seed=0, device=torch.device("cpu")).measure(wide)
    assert measurement.samples.shape == (60, 3, 4, 128)


@pytest.mark.parametrize(
    ("px", "base", "blocks"),
    [((64, 64), (4, 4), 5), ((64, 32), (8, 4), 4), ((8, 4), (4, 2), 2), ((96, 96), (6, 6), 5)],
)
def test_the_random_network_fits_the_size(
    px: tuple[int, int], base: tuple[int, int], blocks: int
) -> None:
    """Sides are halved while both are even and at least 8, and at least once."""
    config = feature_config(torch.zeros(1, 3, *px))
    assert (config.base_px, len(config.channels)) == (base, blocks)


def test_a_state_restores_training_and_random_numbers() -> None:
    """After a restoration the next random numbers are those after the state."""
    torch.manual_seed(3)
    data = pack_state(Noise(0.7), seconds=12.5)
    expected = torch.rand(3)
    training, saved = Noise(), unpack_state(data, torch.device("cpu"))
    restore(training, saved)
    assert float(training.mean) == pytest.approx(0.7)
    assert saved["seconds"] == 12.5
    assert torch.equal(torch.rand(3), expected)
