"""Shares of classes in generated samples against those in the labelled images."""

import numpy as np
import pytest

from workers.fitting.checks.shares import Amounts, Floats, are_low

RANDOM = np.random.default_rng(0)


def images(count: int, num_with: int, amount: float = 0.01) -> Floats:
    """Return the amounts of one class, of which the first `num_with` images have `amount`."""
    return np.array([[amount if index < num_with else 0.0] for index in range(count)])


@pytest.mark.parametrize(
    ("labelled", "generated", "expected"),
    [
        (images(16, 5), images(64, 0), True),
        (images(16, 16), images(64, 64, 0.002), True),
        (images(16, 16), images(64, 64, 0.008), False),
        (images(16, 2), images(64, 0), False),
        (images(16, 5), images(64, 10), False),
        (images(100, 6), images(64, 0), False),
        (images(16, 0), images(64, 0), False),
        (images(16, 0), images(64, 9), False),
    ],
    ids=[
        "absent from samples",
        "a fifth of the pixels",
        "a little less",
        "two images may be an exception",
        "half of the images within noise",
        "6% of the images often give none of 64 samples that is far below",
        "in neither",
        "in samples only",
    ],
)
def test_a_share_is_low_if_it_is_clearly_below_half(
    labelled: Floats, generated: Floats, *, expected: bool
) -> None:
    """Both sets are small, so chance must be excluded."""
    assert are_low(labelled, generated).tolist() == [expected]


def test_equal_populations_hardly_ever_differ() -> None:
    """Of 200 classes with the same true share in both sets, at most 2 are called low."""
    present = RANDOM.random(200) * 0.9 + 0.05
    sizes = RANDOM.lognormal(-4, 0.7, (80, 200)) * (RANDOM.random((80, 200)) < present)
    assert are_low(sizes[:16], sizes[16:]).sum() <= 2


def test_shares_are_reported_by_name() -> None:
    """Means over images, and shares of the images with the class."""
    shares = Amounts(("hat",), images(4, 1, 0.4), images(8, 2, 0.2)).shares()["hat"]
    assert (shares.labelled, shares.generated) == (0.1, 0.05)
    assert (shares.labelled_images, shares.generated_images) == (0.25, 0.25)
    assert not shares.is_low
