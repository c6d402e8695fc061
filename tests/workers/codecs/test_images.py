"""Bytes to arrays and back."""

import io
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from contracts.batches import ImageFormat
from workers.codecs.images import (
    PALETTE,
    decode_image,
    decode_mask,
    encode_image,
    encode_mask,
    encode_uncertainty,
    resized_image,
    resized_mask,
)

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (6, 4, 3), dtype=np.uint8)
INDICES = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)


def test_an_image_survives_png() -> None:
    """PNG is exact."""
    assert np.array_equal(decode_image(encode_image(PIXELS)), PIXELS)


def test_a_mask_keeps_every_value_and_gains_a_palette() -> None:
    """Index values are exact, 255 included, and viewers show colors."""
    data = encode_mask(INDICES)
    assert np.array_equal(decode_mask(data), INDICES)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"


def test_encoding_is_deterministic() -> None:
    """The same pixels are the same bytes, so a shard has one digest."""
    for image_format in get_args(ImageFormat):
        assert encode_image(PIXELS, image_format) == encode_image(PIXELS.copy(), image_format)


def test_the_palette_is_the_pascal_voc_one() -> None:
    """The first colors are those that every segmentation viewer knows."""
    assert PALETTE[:12] == (0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0)


@pytest.mark.parametrize(("nats", "step"), [(0.0, 0), (0.5, 128), (1.0, 255), (2.3, 255)])
def test_uncertainty_is_255_steps_to_the_nat(nats: float, step: int) -> None:
    """One scale for every labelset; more than a nat is cut off."""
    data = encode_uncertainty(np.full((2, 2), nats, dtype=np.float32))
    assert decode_mask(data)[0, 0] == step


def test_classes_keep_their_own_colors() -> None:
    """The first indices have the colors that the schema gives, the others the usual palette's."""
    data = encode_mask(np.array([[0, 1]], dtype=np.uint8), colors=((1, 2, 3),))
    with Image.open(io.BytesIO(data)) as shown:
        assert list(shown.convert("RGB").get_flattened_data()) == [(1, 2, 3), PALETTE[3:6]]


def test_a_smaller_image_is_the_mean_of_what_it_shows() -> None:
    """Antialiased: a fine pattern of black and white becomes grey, not whichever pixel was hit."""
    pattern = np.zeros((32, 32, 3), dtype=np.uint8)
    pattern[:, ::2] = 255
    inner = resized_image(pattern, (8, 8))[:, 1:-1]
    assert inner.shape == (8, 6, 3)
    assert np.all(abs(inner.astype(int) - 128) < 16)


def test_a_picture_and_its_mask_stay_in_step() -> None:
    """The edge of a class lies at the same place in both, at any size."""
    for px in ((8, 8), (16, 16), (48, 48), (64, 64)):
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[:, 16:] = 1
        image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
        bright = resized_image(image, px)[:, :, 0] > 127
        assert np.array_equal(bright, resized_mask(mask, px) == 1)


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
