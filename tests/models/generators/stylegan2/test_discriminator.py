"""Promises of `models.generators.stylegan2.discriminator`: one logit per image, features at every resolution."""

import pytest
import torch

from models.generators.stylegan2.config import Architecture, DiscriminatorConfig
from models.generators.stylegan2.discriminator import Discriminator, minibatch_std


def test_one_logit_per_image_for_any_batch_size(discriminator: Discriminator) -> None:
    """Batches that are no multiple of the minibatch-std group work too."""
    for batch in (1, 3, 8):
        assert discriminator(torch.randn(batch, 3, 32, 32)).shape == (batch,)


def test_features_halve_from_block_to_block(discriminator: Discriminator) -> None:
    """One map per residual block, highest resolution first."""
    maps = discriminator.features(torch.randn(2, 3, 32, 32))
    assert [m.shape[-1] for m in maps] == [16, 8, 4]


def test_equal_images_have_a_std_of_zero() -> None:
    """The extra channel is (nearly) zero for copies and positive for a varied group."""
    varied = torch.randn(4, 2, 4, 4)
    copies = varied[:1].expand(4, -1, -1, -1)
    assert minibatch_std(copies, 4).max() < 1e-3
    assert minibatch_std(varied, 4).min() > 0.1


@pytest.mark.parametrize("architecture", ["skip", "orig"])
def test_every_architecture_has_the_same_output_shapes(architecture: Architecture) -> None:
    """Logits and features have the shapes of the residual one."""
    config = DiscriminatorConfig(channels=(16, 16, 8), architecture=architecture, conv_clamp=256.0)
    other = Discriminator(config)
    images = torch.randn(2, 3, 16, 16)
    assert other(images).shape == (2,)
    assert [m.shape[-1] for m in other.features(images)] == [8, 4]


def test_a_skip_discriminator_reads_the_halved_image() -> None:
    """Without `from_rgb` the smaller images still change the logit."""
    torch.manual_seed(0)
    other = Discriminator(DiscriminatorConfig(channels=(8, 8, 8), architecture="skip"))
    other.from_rgb.weight.data.zero_()
    a, b = torch.randn(2, 1, 3, 16, 16)
    assert (other(a) - other(b)).abs() > 1e-5


def test_a_conditional_discriminator_judges_by_class() -> None:
    """One image has a different logit for each class; without classes it is an error."""
    config = DiscriminatorConfig(channels=(8, 8), num_classes=4, num_mapping_layers=2)
    conditional = Discriminator(config)
    image = torch.randn(1, 3, 8, 8).expand(4, -1, -1, -1)
    assert conditional(image, torch.arange(4)).unique().numel() == 4
    with pytest.raises(ValueError, match=r"pass classes \(0 to 3\)"):
        conditional(image)


def test_each_std_channel_reads_its_share_of_the_maps() -> None:
    """Of two std channels, the first reads the first half of the channels and the second the other."""
    x = torch.randn(4, 6, 4, 4)
    both = minibatch_std(x, 4, 2)
    halves = [minibatch_std(half, 4) for half in (x[:, :3], x[:, 3:])]
    assert torch.allclose(both, torch.cat(halves, dim=1))
