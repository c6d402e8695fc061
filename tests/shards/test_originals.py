"""Labels of real images on the grid of their originals."""

import numpy as np
import pytest

from handsoff_shards.errors import InvalidInput
from handsoff_shards.originals import Original, on_original, points_on_original

MASK = np.arange(16, dtype=np.uint8).reshape(4, 4)


def original(width: int, height: int, *box: float) -> Original:
    """Return an original of this size."""
    left, top, right, bottom = box
    return Original("a.jpg", width, height, (left, top, right, bottom))


def test_a_resized_image_gets_whole_blocks() -> None:
    """At three times the size, each pixel of the label covers 3 x 3 pixels."""
    restored = on_original(MASK, original(12, 12, 0, 0, 12, 12), 255)
    assert np.array_equal(restored, MASK.repeat(3, axis=0).repeat(3, axis=1))


def test_a_reduced_image_gets_the_nearest_pixels() -> None:
    """At half the size, each pixel of the original has one of its four."""
    restored = on_original(MASK, original(2, 2, 0, 0, 2, 2), 255)
    assert restored.tolist() == [[5, 7], [13, 15]]


def test_pixels_outside_a_crop_are_ignored() -> None:
    """The labelled part lies where it was cropped."""
    restored = on_original(MASK, original(8, 6, 3, 1, 7, 5), 255)
    assert np.array_equal(restored[1:5, 3:7], MASK)
    assert (restored == 255).sum() == 8 * 6 - 16


def test_padding_is_cut_off() -> None:
    """The box is larger than the image."""
    restored = on_original(MASK, original(4, 2, 0, -1, 4, 3), 255)
    assert np.array_equal(restored, MASK[1:3])


def test_points_move_with_the_image() -> None:
    """A point in the padding does not exist in the original."""
    points = np.array([[2.0, 2.0, 2], [0.5, 0.0, 2]], np.float32)
    moved = points_on_original(points, original(8, 4, 0, -2, 8, 6), (4, 4))
    assert moved.tolist() == [[4.0, 2.0, 2.0], [1.0, -2.0, 0.0]]


def test_an_original_is_written_and_read() -> None:
    """A generated sample has none."""
    one = original(8, 6, 3.25, 1, 7, 5)
    assert Original.parse({"original": one.json()}) == one
    assert Original.parse({"seed": 1}) is None


@pytest.mark.parametrize(
    "changes", [{"box": [1, 2, 3]}, {"box": [3, 1, 3, 5]}, {"width": 0}, {"height": "x"}]
)
def test_a_damaged_original_is_refused(changes: dict[str, object]) -> None:
    """The error names the value."""
    with pytest.raises(InvalidInput, match="Expected"):
        Original.parse({"original": original(8, 6, 3, 1, 7, 5).json() | changes})
