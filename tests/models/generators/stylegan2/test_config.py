"""Promises of the layout: the first tap of a size, and the bytes of all taps."""

import pytest

from models.generators.stylegan2.config import GeneratorConfig

TALL = GeneratorConfig(z_dim=4, w_dim=4, channels=(4, 4, 2), base_px=(8, 4))


@pytest.mark.parametrize(("min_px", "first"), [(0, 0), (5, 2), (8, 2), (9, 4), (1_000, 4)])
def test_the_first_tap_is_found_by_the_smaller_side(min_px: int, first: int) -> None:
    """Of taps of 8 x 4, 16 x 8 and 32 x 16; if none is large enough, the first of the highest resolution."""
    assert TALL.layout.first_tap(min_px) == first


def test_the_bytes_of_taps_are_those_of_float32() -> None:
    """There are two taps per resolution, 4 bytes a number."""
    assert TALL.layout.tap_bytes == 2 * 4 * (4 * 8 * 4 + 4 * 16 * 8 + 2 * 32 * 16)
