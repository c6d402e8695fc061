"""Promises of `models.labels.interpolation`: upsampling in steps equals `F.interpolate`."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.labels.interpolation import Plan, Upsampling, plan, repeat_ends, sum_at_vertices

Px = tuple[int, int]


def upsampled(x: Tensor, px: Px) -> Tensor:
    """Return `F.interpolate` of a map [height, width, channels]."""
    maps = x.permute(2, 0, 1)[None]
    return F.interpolate(maps, size=px, mode="bilinear")[0].permute(1, 2, 0)


def framed(x: Tensor) -> Tensor:
    """Return the map with its margin's rows."""
    out = torch.cat([x[:1], x, x[-1:]])
    repeat_ends(out, dim=0)
    return out


@pytest.mark.parametrize("label_px", [(6, 10), (24, 40), (23, 17), (3, 5), (7, 3)])
def test_strips_are_rows_of_the_upsampled_map(label_px: Px) -> None:
    """`write` and `add` are exact, for sizes that divide the label and sizes that do not."""
    x = torch.randn(6, 10, 3, dtype=torch.float64)
    strip = torch.ones(2, label_px[1], 3, dtype=torch.float64)
    upsampling = Upsampling.of_pixels((6, 10), label_px, strip)
    for start in range(0, label_px[0] - 1, 2):
        rows = range(start, start + 2)
        expected = upsampled(x, label_px)[start : start + 2]
        upsampling.write(framed(x), strip, rows)
        assert torch.allclose(strip, expected, atol=1e-6)
        upsampling.add(framed(x), strip, rows)
        assert torch.allclose(strip, 2 * expected, atol=1e-6)


@pytest.mark.parametrize("cell_px", [2, 4, 8])
def test_nested_maps_are_summed_exactly(cell_px: int) -> None:
    """Maps of 2x3, 4x6 and 8x12 samples, summed at vertices and upsampled once, equal their upsampled sum."""
    maps = [torch.randn(2 << k, 3 << k, 2, dtype=torch.float64) for k in range(3)]
    label_px = 8 * cell_px, 12 * cell_px
    strip = torch.empty(*label_px, 2, dtype=torch.float64)
    upsampling = Upsampling.of_vertices(cell_px // 2, strip)
    upsampling.write(sum_at_vertices(maps), strip, range(label_px[0]))
    expected = torch.stack([upsampled(x, label_px) for x in maps]).sum(dim=0)
    assert torch.allclose(strip, expected, rtol=0, atol=1e-12)


def test_sizes_that_double_are_nested() -> None:
    """A 256 px generator: cells of 4 to 64 px share vertices 2 px apart, cells of 2 px are single."""
    sizes = frozenset((px, px) for px in (4, 8, 16, 32, 64, 128))
    expected = Plan(((4, 4), (8, 8), (16, 16), (32, 32), (64, 64)), 2, ((128, 128),))
    assert plan(sizes, (256, 256)) == expected


@pytest.mark.parametrize("label_px", [(250, 250), (256, 512), (12, 12)])
def test_sizes_without_common_vertices_are_single(label_px: Px) -> None:
    """Cells must be squares of an even number of pixels."""
    sizes = frozenset([(4, 4), (8, 8)])
    assert plan(sizes, label_px) == Plan((), 0, ((4, 4), (8, 8)))
