"""Promises of `models.generators.stylegan2.discriminator`: one logit an image, features at every resolution."""

import pytest
import torch

from models.generators.stylegan2.config import Architecture, DiscriminatorConfig
from models.generators.stylegan2.discriminator import Discriminator, minibatch_deviation


def test_one_logit_per_image_whatever_the_batch(discriminator: Discriminator) -> None:
    """Batches that the deviation group does not divide work as well."""
    for batch in (1, 3, 8):
        assert discriminator(torch.randn(batch, 3, 32, 32)).shape == (batch,)


def test_features_halve_from_block_to_block(discriminator: Discriminator) -> None:
    """One map per residual block, highest resolution first."""
    maps = discriminator.features(torch.randn(2, 3, 32, 32))
    assert [m.shape[-1] for m in maps] == [16, 8, 4]


def test_equal_images_have_no_deviation() -> None:
    """The extra channel is (nearly) zero for copies and positive for a varied group."""
    varied = torch.randn(4, 2, 4, 4)
    copies = varied[:1].expand(4, -1, -1, -1)
    assert minibatch_deviation(copies, 4).max() < 1e-3
    assert minibatch_deviation(varied, 4).min() > 0.1


@pytest.mark.parametrize("architecture", ["skip", "orig"])
def test_every_architecture_sees_images(architecture: Architecture) -> None:
    """Logits and features have the residual one's shapes."""
    config = DiscriminatorConfig(channels=(16, 16, 8), architecture=architecture, conv_clamp=256.0)
    other = Discriminator(config)
    images = torch.randn(2, 3, 16, 16)
    assert other(images).shape == (2,)
    assert [m.shape[-1] for m in other.features(images)] == [8, 4]


def test_a_skip_discriminator_sees_the_halved_image_too() -> None:
    """Every scale has a way in of its own, down to the smallest."""
    torch.manual_seed(0)
    other = Discriminator(DiscriminatorConfig(channels=(8, 8, 8), architecture="skip"))
    other.from_rgb.weight.data.zero_()
    a, b = torch.randn(2, 1, 3, 16, 16)
    assert (other(a) - other(b)).abs() > 1e-5


def test_a_conditional_discriminator_judges_by_class() -> None:
    """The same image is more or less real as one of this class or that; without classes it cannot say."""
    config = DiscriminatorConfig(channels=(8, 8), num_classes=4, num_mapping_layers=2)
    conditional = Discriminator(config)
    image = torch.randn(1, 3, 8, 8).expand(4, -1, -1, -1)
    assert conditional(image, torch.arange(4)).unique().numel() == 4
    with pytest.raises(ValueError, match="knows 4 classes"):
        conditional(image)


def test_several_deviation_channels_look_at_a_share_of_the_maps_each() -> None:
    """Two of them: one of the first half of the channels, one of the second."""
    x = torch.randn(4, 6, 4, 4)
    both = minibatch_deviation(x, 4, 2)
    halves = [minibatch_deviation(half, 4) for half in (x[:, :3], x[:, 3:])]
    assert torch.allclose(both, torch.cat(halves, dim=1))
