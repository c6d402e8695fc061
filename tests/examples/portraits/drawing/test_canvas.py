"""Layers cover each other, and a pixel has the majority class of its supersamples."""

import numpy as np
import pytest

from examples.portraits.classes import IMAGE_PX, Material, Part
from examples.portraits.drawing.canvas import SUPERSAMPLES, Box, Canvas, average, box_around

FIRST_PIXEL: Box = (slice(0, SUPERSAMPLES), slice(0, SUPERSAMPLES))


def paint_first_pixel(canvas: Canvas, num_samples: int, material: Material, height: float) -> None:
    """Cover the first `num_samples` of the nine supersamples of the pixel in the corner."""
    where = (np.arange(9) < num_samples).reshape(3, 3)
    canvas.paint(FIRST_PIXEL, where, material, shade=1.0, height=height)


@pytest.mark.parametrize(("num_samples", "part"), [(4, Part.BACKGROUND), (5, Part.HAIR)])
def test_the_mask_is_the_majority_of_the_supersamples(num_samples: int, part: Part) -> None:
    """A pixel is hair with five of nine samples, not with four."""
    canvas = Canvas()
    paint_first_pixel(canvas, num_samples, Material.HAIR, 0.0)
    assert canvas.mask()[0, 0] == part


def test_materials_of_one_class_vote_together() -> None:
    """Iris and pupil are both eyes and outnumber skin, which has more samples than either."""
    canvas = Canvas()
    paint_first_pixel(canvas, 9, Material.SKIN, 0.0)
    paint_first_pixel(canvas, 5, Material.IRIS, 0.1)
    paint_first_pixel(canvas, 2, Material.PUPIL, 0.1)
    assert canvas.mask()[0, 0] == Part.EYES


def test_a_later_layer_is_never_farther_away() -> None:
    """Depth follows the painting order even if a layer's height is lower."""
    canvas = Canvas()
    paint_first_pixel(canvas, 9, Material.SKIN, 0.5)
    paint_first_pixel(canvas, 9, Material.HAIR, 0.2)
    assert canvas.height[0, 0] == np.float32(0.5)


def test_a_lens_counts_as_glasses_until_it_is_covered() -> None:
    """The surface behind a lens keeps its material; a hat painted over it removes the lens."""
    canvas = Canvas()
    paint_first_pixel(canvas, 9, Material.IRIS, 0.5)
    canvas.glaze(FIRST_PIXEL, np.ones((3, 3), np.bool_), np.full((3, 3), 0.6, np.float32))
    assert canvas.mask()[0, 0] == Part.GLASSES
    assert canvas.material[0, 0] == Material.IRIS
    paint_first_pixel(canvas, 9, Material.HAT, 0.9)
    assert canvas.mask()[0, 0] == Part.HAT


def test_a_pixel_is_the_mean_of_its_supersamples() -> None:
    """One white sample of nine gives one ninth of white, only in its pixel."""
    side = IMAGE_PX * SUPERSAMPLES
    samples = np.zeros((3, side, side), np.float32)
    samples[:, 4, 4] = 1.0
    pixels = average(samples)
    assert pixels[0, 1, 1] == pytest.approx(1.0 / 9.0)
    assert pixels.sum() == pytest.approx(3.0 / 9.0)


def test_a_box_is_clipped_at_the_border() -> None:
    """Layers may extend beyond the image."""
    assert box_around(-5.0, -5.0, 1.0, 500.0) == (slice(0, 192), slice(0, 4))
