"""Promises of `models.stylegan2.discriminator`: one logit an image, features at every resolution."""

import torch

from models.stylegan2.discriminator import Discriminator, minibatch_deviation


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
