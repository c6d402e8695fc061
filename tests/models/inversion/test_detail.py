"""Promises of the measure of detail."""

import pytest
import torch
from torch.nn import functional as F

from models.inversion.detail import MIN_DETAIL, detail_shown

NOISE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_an_exact_reconstruction_shows_all_detail() -> None:
    """And nothing more than all."""
    torch.testing.assert_close(detail_shown(NOISE, NOISE), torch.ones(2))


def test_a_blurred_reconstruction_shows_none() -> None:
    """The right colors at the right places do not help: the image would not be recognised."""
    blurred = F.interpolate(F.avg_pool2d(NOISE, 16), size=64, mode="bilinear")
    assert (detail_shown(blurred, NOISE).abs() < 0.05).all()


def test_half_the_amplitude_is_above_the_line_and_other_detail_below() -> None:
    """A soft picture of the same thing is expressed; a sharp one of something else is not."""
    assert (detail_shown(0.5 * NOISE, NOISE) > MIN_DETAIL).all()
    assert (detail_shown(NOISE.roll(1, dims=0), NOISE) < 0).all()


@pytest.mark.parametrize("px", [32, 128])
def test_the_measure_is_that_of_the_picture_not_of_its_size(px: int) -> None:
    """The same picture at another size gives about the same number."""
    smooth = F.interpolate(F.avg_pool2d(NOISE, 8), size=64, mode="bicubic")
    wanted = detail_shown(0.6 * smooth, smooth)
    resized = F.interpolate(smooth, size=px, mode="bicubic")
    torch.testing.assert_close(detail_shown(0.6 * resized, resized), wanted, atol=0.02, rtol=0)


def test_a_flat_image_is_shown_by_a_flat_one() -> None:
    """It has no detail to lose; noise that was added counts."""
    flat = torch.zeros(2, 3, 64, 64)
    torch.testing.assert_close(detail_shown(flat + 0.01, flat), torch.ones(2))
    assert (detail_shown(0.1 * NOISE, flat) < MIN_DETAIL).all()
