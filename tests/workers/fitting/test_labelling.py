"""What a sheet says of an image, and which images it shows."""

import numpy as np

from workers.fitting.labelling import agreement, shown_places
from workers.fitting.pairs import ImageLabels
from workers.fitting.sheets import MAX_ROWS


def masks(values: list[list[int]]) -> ImageLabels:
    """Labels of one image with a mask alone."""
    return ImageLabels(np.array(values, np.uint8), None, None)


def test_flagged_images_are_shown_first() -> None:
    """The others follow in their order; a flagged one beyond the sheet's end is shown all the same."""
    assert shown_places([True, False, True, False]) == [1, 3, 0, 2]
    late = [True] * 40
    late[39] = False
    assert shown_places(late) == [39, *range(MAX_ROWS - 1)]


def test_the_score_of_an_image_is_the_mean_over_its_classes() -> None:
    """Ignored pixels do not count, nor do classes that it does not have."""
    truth = masks([[0, 0, 1, 255]])
    assert agreement(masks([[0, 0, 1, 1]]), truth) == ["mIoU 1.00"]
    assert agreement(masks([[0, 1, 1, 0]]), truth) == ["mIoU 0.50"]
    assert agreement(masks([[0, 0, 1, 1]]), masks([[255] * 4])) == []


def test_keypoints_are_scored_in_pixels() -> None:
    """The mean distance of the labelled ones."""
    truth = ImageLabels(None, np.array([[1, 1, 2], [5, 5, 0]], np.float32), None)
    guess = ImageLabels(None, np.array([[4, 5, 2], [0, 0, 2]], np.float32), None)
    assert agreement(guess, truth) == ["keypoints 5.0 px off"]
    assert agreement(guess, masks([[0]])) == []
