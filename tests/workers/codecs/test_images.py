"""Images between bytes and arrays."""

from typing import get_args

import numpy as np
import pytest

from contracts.recipes.recipe import ImageFormat
from workers.codecs.images import (
    PALETTE,
    decode_image,
    encode_image,
    encode_uncertainty,
    resized_image,
)
from workers.codecs.segmentation import decode_mask

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (6, 4, 3), dtype=np.uint8)
INDICES = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)


def test_an_image_survives_png() -> None:
    """PNG is exact."""
    assert np.array_equal(decode_image(encode_image(PIXELS)), PIXELS)


def test_encoding_is_deterministic() -> None:
    """The same pixels give the same bytes, so the digest of a shard is reproducible."""
    for image_format in get_args(ImageFormat):
        assert encode_image(PIXELS, image_format) == encode_image(PIXELS.copy(), image_format)


def test_the_palette_is_the_pascal_voc_one() -> None:
    """The first colors are those of common segmentation viewers."""
    assert PALETTE[:12] == (0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0)


@pytest.mark.parametrize(("nats", "step"), [(0.0, 0), (0.5, 128), (1.0, 255), (2.3, 255)])
def test_uncertainty_has_255_steps_per_nat(nats: float, step: int) -> None:
    """The scale is the same for every labelset; larger values are clipped to one nat."""
    data = encode_uncertainty(np.full((2, 2), nats, dtype=np.float32))
    assert decode_mask(data)[0, 0] == step


def test_downscaling_is_antialiased() -> None:
    """A fine pattern of black and white becomes gray."""
    pattern = np.zeros((32, 32, 3), dtype=np.uint8)
    pattern[:, ::2] = 255
    inner = resized_image(pattern, (8, 8))[:, 1:-1]
    assert inner.shape == (8, 6, 3)
    assert np.all(abs(inner.astype(int) - 128) < 16)
