"""The labelled part of an image, at the generator's size."""

import numpy as np
import pytest
from PIL import Image

from workers.codecs.images import resized_image
from workers.labeling.originals import part_of, place

RNG = np.random.default_rng(0)


def image(width: int, height: int) -> Image.Image:
    """Return an image of random pixels."""
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(8, 8), (20, 20), (5, 5), (21, 20)])
def test_an_image_with_the_right_aspect_ratio_is_resized_as_in_a_fit(size: tuple[int, int]) -> None:
    """Within a pixel, the whole image is used."""
    one = image(*size)
    placed = place(one, (8, 8), "crop")
    assert np.array_equal(placed.pixels, resized_image(np.asarray(one), (8, 8)))
    assert placed.box == (0, 0, *size)


@pytest.mark.parametrize(
    ("size", "px", "box"),
    [
        ((24, 8), (8, 8), (8, 0, 16, 8)),
        ((8, 24), (8, 8), (0, 8, 8, 16)),
        ((40, 10), (8, 16), (10, 0, 30, 10)),
    ],
)
def test_a_crop_is_the_center(
    size: tuple[int, int], px: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    """As large as possible."""
    one = image(*size)
    placed = place(one, px, "crop")
    expected = np.asarray(one.crop(box).resize(px[::-1], Image.Resampling.LANCZOS))
    # Lanczos reads 3 pixels of the label to each side, so across the border of a crop.
    middle = px[1] // 2
    assert np.array_equal(placed.pixels[4, middle], expected[4, middle])
    assert tuple(map(int, placed.box)) == box


def test_padding_repeats_the_edge() -> None:
    """The box is larger than the image, by the same scale in both directions."""
    one = image(24, 8)
    placed = place(one, (8, 8), "pad")
    assert placed.pixels.shape == (8, 8, 3)
    assert placed.box[0::2] == (0, 24)
    left, top, right, bottom = placed.box
    assert (bottom - top) / 8 == pytest.approx((right - left) / 8, rel=0.15)
    assert np.array_equal(placed.pixels[0], placed.pixels[1])
    assert top < 0
    assert bottom > 8


def test_a_part_of_a_box_is_in_pixels_of_the_original() -> None:
    """The framing of a fit is in shares of the box."""
    part = part_of((10, 20, 30, 60), (0.5, -0.25, 1.0, 0.75))
    assert (part.left, part.top, part.right, part.bottom) == (20, 10, 30, 50)
