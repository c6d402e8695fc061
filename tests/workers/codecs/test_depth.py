"""Depth maps between bytes, arrays and pictures."""

import io

import numpy as np
import pytest

from contracts.labelsets import NPY_TYPE
from contracts.schemas import DepthSchema
from workers.codecs.depth import (
    UNKNOWN_COLOR,
    DepthCodec,
    decode_depth,
    encode_depth,
    resized_depth,
    shaded,
)

METERS = DepthSchema(unit="m", scale=0.001)
MAP = np.array([[0.5, 1.0], [2.0, 65.535]], np.float32)


def test_a_png_keeps_depth_to_half_a_step() -> None:
    """A written map is read back in its unit."""
    decoded = decode_depth(encode_depth(MAP + 0.0004, METERS), "image/png", METERS)
    np.testing.assert_allclose(decoded, MAP, atol=0.0006)


def test_the_unknown_value_becomes_nan() -> None:
    """Pixels with the schema's unknown value become NaN, and no others."""
    data = encode_depth(MAP, METERS)
    other = METERS.model_copy(update={"unknown": 500})
    decoded = decode_depth(data, "image/png", other)
    assert np.argwhere(np.isnan(decoded)).tolist() == [[0, 0]]


def test_an_npy_is_not_converted() -> None:
    """Its values are in the schema's unit already, with NaN for unknown."""
    buffer = io.BytesIO()
    np.save(buffer, MAP)
    np.testing.assert_array_equal(decode_depth(buffer.getvalue(), NPY_TYPE, METERS), MAP)


@pytest.mark.parametrize(("unknown", "written"), [(0, 1), (65_535, 65_534), (None, 0)])
def test_no_generated_depth_is_unknown(unknown: int | None, written: int) -> None:
    """A value equal to the unknown value is replaced by its neighbor; values are clipped at both ends."""
    schema = METERS.model_copy(update={"unknown": unknown})
    depth = np.full((1, 1), 1e9 if unknown else -5.0, dtype=np.float32)
    plain = METERS.model_copy(update={"unknown": None})
    decoded = decode_depth(encode_depth(depth, schema), "image/png", plain)
    assert round(float(decoded[0, 0]) / METERS.scale) == written


def test_resizing_mixes_no_surfaces() -> None:
    """With nearest neighbor, every value exists in the original."""
    small = resized_depth(np.arange(16, dtype=np.float32).reshape(4, 4), (2, 2))
    assert set(small.ravel()) <= set(range(16))


def test_near_is_bright() -> None:
    """The nearest pixel is white, the farthest black; unknown pixels have a separate color."""
    like = np.array([[1.0, 3.0, np.nan]], np.float32)
    assert shaded(like, like)[0].tolist() == [[255] * 3, [0] * 3, list(UNKNOWN_COLOR)]


def test_unknown_depth_is_an_empty_label() -> None:
    """One known pixel is enough."""
    depth = np.full((2, 2), np.nan, np.float32)
    assert DepthCodec().is_empty(depth)
    depth[0, 0] = 0
    assert not DepthCodec().is_empty(depth)
