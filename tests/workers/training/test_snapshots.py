"""Snapshots of a training: their sheet stays small."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.training import AdversarialOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.training.snapshots import Ruler

CPU = torch.device("cpu")


class Stripes:
    """Ten images of 8 x 256 px, without content."""

    def __len__(self) -> int:
        return 10

    def read(self, indices: Sequence[int]) -> Tensor:
        return torch.zeros(len(indices), 3, 8, 256)


def test_large_samples_are_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distance is measured at full size; the samples of the sheet have at most 128 px a side."""
    monkeypatch.setattr(AdversarialTraining, "measured_samples", 4)
    channels, base_px = (8, 8), (4, 128)
    training = AdversarialTraining(
        GeneratorConfig(z_dim=8, w_dim=8, channels=channels, base_px=base_px, num_mapping_layers=1),
        DiscriminatorConfig(channels=channels, base_px=base_px),
        AdversarialOptions(),
        CPU,
    )
    measurement = Ruler(Stripes(), seed=0, device=CPU).measure(training)
    assert measurement.samples.shape == (4, 3, 4, 128)
