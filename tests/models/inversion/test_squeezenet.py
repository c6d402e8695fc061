"""Promises of the SqueezeNet distance: published names load, equal images have distance 0, images may have any size."""

import pytest
import torch
from torch import Tensor

from models.inversion.perceptual import PerceptualDistance, distances
from models.inversion.squeezenet import (
    TAP_CHANNELS,
    SqueezeNet,
    SqueezeNetConfig,
    SqueezeNetDistance,
    build_squeezenet,
)


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Return random weights with torchvision's names."""
    return dict(SqueezeNet(SqueezeNetConfig()).state_dict())


@pytest.mark.parametrize("pixels", ["caffe", "torchvision"])
def test_equal_images_have_distance_zero(tensors: dict[str, Tensor], pixels: str) -> None:
    """Different images have a positive distance, square or not."""
    distance = SqueezeNetDistance(build_squeezenet({"pixels": pixels}, tensors))
    a, b = torch.rand(2, 3, 64, 32), torch.rand(2, 3, 64, 32)
    assert isinstance(distance, PerceptualDistance)
    assert torch.equal(distances(distance, a, a), torch.zeros(2))
    assert bool((distances(distance, a, b) > 0).all())


def test_linear_heads_weigh_the_channels(tensors: dict[str, Tensor]) -> None:
    """Heads of one half of every channel give half the sum over the seven depths."""
    heads = {
        f"lin{depth}.model.1.weight": torch.full((1, channels, 1, 1), 0.5)
        for depth, channels in enumerate(TAP_CHANNELS)
    }
    plain = SqueezeNetDistance(build_squeezenet({}, tensors))
    weighted = SqueezeNetDistance(build_squeezenet({}, tensors | heads))
    a, b = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert distances(weighted, a, b).item() == pytest.approx(
        3.5 * distances(plain, a, b).item(), rel=1e-4
    )


def test_weights_of_another_network_are_refused(tensors: dict[str, Tensor]) -> None:
    """The message names the missing tensor."""
    del tensors["features.3.squeeze.bias"]
    with pytest.raises(RuntimeError, match=r"features\.3\.squeeze\.bias"):
        build_squeezenet({}, tensors)
