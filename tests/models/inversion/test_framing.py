"""Promises of the framing: samples stay unchanged, moved samples are recovered, labels move with their images."""

import pytest
import torch

from models.generators.stylegan2.generator import Generator
from models.inversion.framing import (
    Framing,
    find_framing,
    measure_framing,
    reframe_depths,
    reframe_images,
    reframe_masks,
    reframe_points,
)

RIGHT_HALF = Framing(2.0, 0.25, 0.0)


def test_samples_stay_and_moved_samples_are_recovered(generator: Generator) -> None:
    """Samples that were moved and zoomed get the inverse framing, to the step of the search, and advice."""
    prior = measure_framing(generator)
    samples = generator(torch.randn(8, 16)).clamp(-1, 1)
    assert find_framing(prior, samples) == Framing()
    framing = find_framing(prior, reframe_images(samples, Framing(0.8, 0.125, 0.0)))
    assert framing.scale == pytest.approx(1.25, abs=0.1)
    assert framing.shift_x == pytest.approx(-0.1, abs=0.04)
    assert framing.shift_y == pytest.approx(0.0, abs=0.04)
    assert "framing 'center'" in str(framing.advice)


def test_images_that_fit_get_no_advice() -> None:
    """The identity has no advice."""
    assert Framing().advice is None


def test_images_and_masks_show_the_same_part() -> None:
    """Both move by the same pixels; padding repeats the image's edge, and is ignored in the mask."""
    masks, images = torch.randint(0, 3, (2, 16, 16)), torch.rand(2, 3, 16, 16)
    quarter_left = Framing(1.0, 0.25, 0.0)
    moved = reframe_masks(masks, quarter_left)
    assert torch.equal(moved[:, :, :12], masks[:, :, 4:])
    assert bool((moved[:, :, 12:] == 255).all())
    seen = reframe_images(images, quarter_left)
    assert torch.allclose(seen[..., :12], images[..., 4:], atol=1e-5)
    assert torch.allclose(seen[..., 12:], images[..., 15:].expand(-1, -1, -1, 4), atol=1e-5)


def test_points_move_with_their_images() -> None:
    """The middle of the right half becomes the middle; a point outside is absent."""
    points = torch.tensor([[[48.0, 16.0, 2.0], [10.0, 16.0, 2.0]]])
    moved = reframe_points(points, RIGHT_HALF, (32, 64))
    assert moved[0, 0].tolist() == [32.0, 16.0, 2.0]
    assert moved[0, 1, 2] == 0


def test_depth_outside_is_unknown() -> None:
    """Known depths keep their unit, unknown and outside pixels are NaN."""
    depths = torch.full((1, 8, 8), 3.5)
    depths[0, :, 4] = torch.nan
    moved = reframe_depths(depths, Framing(1.0, 0.25, 0.0))
    assert moved[0, 0].isnan().tolist() == [False, False, True, False, False, False, True, True]
    assert moved[0, 0, 0] == 3.5
