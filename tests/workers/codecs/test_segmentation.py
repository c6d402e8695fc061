"""Masks between bytes, arrays, pictures and texts."""

import io

import numpy as np
from PIL import Image

from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_TASKS
from workers.codecs.images import PALETTE, resized_image
from workers.codecs.segmentation import (
    SegmentationCodec,
    colored,
    decode_mask,
    encode_mask,
    resized_mask,
)

RANDOM = np.random.default_rng(0)
INDICES = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)
CODEC = SegmentationCodec()


def test_a_mask_keeps_every_value_and_has_a_palette() -> None:
    """Index values are exact, including 255, and viewers show colors."""
    data = encode_mask(INDICES)
    assert np.array_equal(decode_mask(data), INDICES)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"


def test_classes_keep_the_colors_of_the_schema() -> None:
    """The first indices have the schema's colors, the others those of the palette."""
    data = encode_mask(np.array([[0, 1]], dtype=np.uint8), colors=((1, 2, 3),))
    with Image.open(io.BytesIO(data)) as shown:
        assert list(shown.convert("RGB").get_flattened_data()) == [(1, 2, 3), PALETTE[3:6]]


def test_an_ignored_pixel_stays_ignored_at_another_size() -> None:
    """255 is never mixed with a class."""
    mask = np.full((32, 32), 3, dtype=np.uint8)
    mask[:16] = 255
    assert set(np.unique(resized_mask(mask, (20, 12)))) == {3, 255}


def test_resizing_mixes_no_classes() -> None:
    """Nearest neighbor gives no class between two classes."""
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:, 4:] = 9
    assert set(np.unique(resized_mask(mask, (4, 4)))) == {0, 9}


def test_a_picture_and_its_mask_stay_in_step() -> None:
    """The edge of a class has the same position in both, at any size."""
    for px in ((8, 8), (16, 16), (48, 48), (64, 64)):
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[:, 16:] = 1
        image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
        bright = resized_image(image, px)[:, :, 0] > 127
        assert np.array_equal(bright, resized_mask(mask, px) == 1)


def test_labels_have_the_classes_colors() -> None:
    """First the schema's colors, then the palette's, as in the masks of a batch."""
    ones = np.ones((1, 1), dtype=np.uint8)
    assert colored(ones, LabelSchema(classes=("a", "b"))).tolist() == [[[128, 0, 0]]]
    assert colored(ones, ALL_TASKS).tolist() == [[[200, 100, 50]]]


def test_the_score_of_an_image_is_the_mean_over_its_classes() -> None:
    """Ignored pixels do not count, and neither do classes that the image lacks."""
    masks = [[0, 0, 1, 255], [0, 0, 1, 1], [0, 1, 1, 0], [255] * 4]
    truth, right, half, ignored = (np.array([mask], np.uint8) for mask in masks)
    assert CODEC.agreement(right, truth) == ["mIoU 1.00"]
    assert CODEC.agreement(half, truth) == ["mIoU 0.50"]
    assert CODEC.agreement(right, ignored) == []


def test_a_mask_of_ignored_pixels_is_an_empty_label() -> None:
    """One labelled pixel is enough."""
    ignored = CODEC.unlabelled(ALL_TASKS, (2, 2))
    assert CODEC.is_empty(ignored)
    ignored[0, 0] = 0
    assert not CODEC.is_empty(ignored)
