"""Masks to bytes, arrays, pictures and words."""

import io

import numpy as np
import pytest
from PIL import Image

from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_KINDS
from workers.codecs.images import PALETTE, resized_image
from workers.codecs.segmentation import (
    SegmentationCodec,
    colored,
    decode_mask,
    encode_mask,
    resized_mask,
    without_unjudged,
)

RANDOM = np.random.default_rng(0)
INDICES = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)
CODEC = SegmentationCodec()


def test_a_mask_keeps_every_value_and_gains_a_palette() -> None:
    """Index values are exact, 255 included, and viewers show colors."""
    data = encode_mask(INDICES)
    assert np.array_equal(decode_mask(data), INDICES)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"


def test_classes_keep_their_own_colors() -> None:
    """The first indices have the colors that the schema gives, the others the usual palette's."""
    data = encode_mask(np.array([[0, 1]], dtype=np.uint8), colors=((1, 2, 3),))
    with Image.open(io.BytesIO(data)) as shown:
        assert list(shown.convert("RGB").get_flattened_data()) == [(1, 2, 3), PALETTE[3:6]]


def test_an_ignored_pixel_stays_ignored_at_another_size() -> None:
    """255 is never mixed with a class."""
    mask = np.full((32, 32), 3, dtype=np.uint8)
    mask[:16] = 255
    assert set(np.unique(resized_mask(mask, (20, 12)))) == {3, 255}


def test_a_smaller_mask_holds_only_classes_it_had() -> None:
    """Nearest neighbour: no class between two classes."""
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:, 4:] = 9
    assert set(np.unique(resized_mask(mask, (4, 4)))) == {0, 9}


def test_a_picture_and_its_mask_stay_in_step() -> None:
    """The edge of a class lies at the same place in both, at any size."""
    for px in ((8, 8), (16, 16), (48, 48), (64, 64)):
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[:, 16:] = 1
        image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
        bright = resized_image(image, px)[:, :, 0] > 127
        assert np.array_equal(bright, resized_mask(mask, px) == 1)


def test_labels_have_the_classes_colors() -> None:
    """The schema's own, and after them the palette's: as the masks of a batch."""
    ones = np.ones((1, 1), dtype=np.uint8)
    assert colored(ones, LabelSchema(classes=("a", "b"))).tolist() == [[[128, 0, 0]]]
    assert colored(ones, ALL_KINDS).tolist() == [[[200, 100, 50]]]


def test_the_score_of_an_image_is_the_mean_over_its_classes() -> None:
    """Ignored pixels do not count, nor do classes that it does not have."""
    masks = [[0, 0, 1, 255], [0, 0, 1, 1], [0, 1, 1, 0], [255] * 4]
    truth, right, half, ignored = (np.array([mask], np.uint8) for mask in masks)
    assert CODEC.agreement(right, truth) == ["mIoU 1.00"]
    assert CODEC.agreement(half, truth) == ["mIoU 0.50"]
    assert CODEC.agreement(right, ignored) == []


def test_a_class_in_a_single_image_counts_as_not_learned() -> None:
    """Members that never saw it cannot find it: it has no IoU, and lowers the mean."""
    pooled = {"miou": 0.5, "class_iou": {"skin": 0.8, "hair": 0.7, "hat": 0.3}}
    judged = without_unjudged(pooled, {"skin": 9, "hair": 2, "hat": 1})
    assert judged["class_iou"] == {"skin": 0.8, "hair": 0.7, "hat": None}
    assert judged["miou"] == pytest.approx(0.5)


def test_a_mask_of_ignored_pixels_says_nothing() -> None:
    """One labelled pixel is something."""
    ignored = CODEC.unlabelled(ALL_KINDS, (2, 2))
    assert CODEC.says_nothing(ignored)
    ignored[0, 0] = 0
    assert not CODEC.says_nothing(ignored)
