"""Images and their labels are cropped together."""

import numpy as np

from models.inversion.framing import Framing
from tests.workers.scene import ALL_TASKS
from workers.codecs.registry import TASKS
from workers.codecs.task import ImageLabels
from workers.fitting.pairs import Pairs
from workers.fitting.reframing import reframed

PX = (8, 8)
RIGHT_BOTTOM = Framing(2.0, 0.25, 0.25)


def quarters() -> Pairs:
    """Return an image whose lower right quarter differs in pixels, mask and depth; one point is in it, one outside."""
    quarter = np.zeros(PX, dtype=np.uint8)
    quarter[4:, 4:] = 1
    labels: ImageLabels = {
        "segmentation": quarter,
        "keypoints": np.array([[6.0, 6.0, 2.0], [1.0, 1.0, 2.0]], dtype=np.float32),
        "depth": quarter.astype(np.float32),
    }
    image = np.repeat(quarter[:, :, None] * np.uint8(200), 3, axis=2)
    return Pairs(("one",), (image,), (labels,), ALL_TASKS, TASKS, PX)


def test_image_and_labels_are_cropped_alike() -> None:
    """The quarter fills all but the interpolated border; the point in it moves, the other becomes absent."""
    pairs = reframed(quarters(), RIGHT_BOTTOM)
    labels = pairs.labels[0]
    assert (pairs.images[0][1:, 1:] == 200).all()
    assert (labels["segmentation"] == 1).all()
    assert (labels["depth"] == 1.0).all()
    assert labels["keypoints"].tolist() == [[4.0, 4.0, 2.0], [-6.0, -6.0, 0.0]]


def test_padding_is_not_labelled() -> None:
    """At half the size, the pixels outside the image are ignored and unknown."""
    labels = reframed(quarters(), Framing(0.5)).labels[0]
    assert (labels["segmentation"][:2] == 255).all()
    assert np.isnan(labels["depth"][:2]).all()


def test_images_with_the_right_framing_are_not_changed() -> None:
    """If the framing is the whole image, the same pairs are returned."""
    pairs = quarters()
    assert reframed(pairs, Framing()) is pairs
