"""Promises of `models.inversion.detail`: exact images show all detail, blurred ones none, at any size."""

import pytest
import torch
from torch.nn import functional as F

from models.inversion.detail import MIN_DETAIL, detail_shown

NOISE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_an_exact_reconstruction_shows_all_detail() -> None:
    """The share is 1."""
    torch.testing.assert_close(detail_shown(NOISE, NOISE), torch.ones(2))


def test_a_blurred_reconstruction_shows_none() -> None:
    """Correct colors at the correct places do not count: the image would not be recognizable."""
    blurred = F.interpolate(F.avg_pool2d(NOISE, 16), size=64, mode="bilinear")
    assert (detail_shown(blurred, NOISE).abs() < 0.05).all()


def test_half_the_amplitude_is_enough_and_other_detail_is_not() -> None:
    """A soft image of the same detail is expressible; a sharp image of different detail is not."""
    assert (detail_shown(0.5 * NOISE, NOISE) > MIN_DETAIL).all()
    assert (detail_shown(NOISE.roll(1, dims=0), NOISE) < 0).all()


@pytest.mark.parametrize("px", [32, 128])
def test_detail_does_not_depend_on_the_size(px: int) -> None:
    """The same image at another size has about the same share."""
    smooth = F.interpolate(F.avg_pool2d(NOISE, 8), size=64, mode="bicubic")
    expected = detail_shown(0.6 * smooth, smooth)
    resized = F.interpolate(smooth, size=px, mode="bicubic")
    torch.testing.assert_close(detail_shown(0.6 * resized, resized), expected, atol=0.02, rtol=0)


def test_a_flat_image_is_shown_by_a_flat_one() -> None:
    """A flat image has no detail to lose; added noise lowers the share."""
    flat = torch.zeros(2, 3, 64, 64)
    torch.testing.assert_close(detail_shown(flat + 0.01, flat), torch.ones(2))
    assert (detail_shown(0.1 * NOISE, flat) < MIN_DETAIL).all()
