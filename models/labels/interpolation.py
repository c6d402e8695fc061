"""Bilinear upsampling in separate steps, so that a sum of upsampled maps can be computed strip by strip in the cache.

Maps here are [height, width, channels]. Results equal `F.interpolate` without `align_corners`: sample j of a map with
cells of s pixels lies at s (j + 1/2) pixels, output pixel i at i + 1/2, and outside of the outermost samples the value
is constant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

Px = tuple[int, int]
Map = Float[Tensor, "height width channels"]
OtherMap = Float[Tensor, "other_height other_width channels"]

HALF = Fraction(1, 2)
MIN_NESTED = 2  # a single map has nothing to share
# Smaller cells are upsampled separately: they have as many vertices as the output has pixels. With 8 instead of 4 the
# head took 2.44 instead of 2.21 times the generator at 256 px (LOG.md, "The label head in strips").
MIN_NESTED_CELL_PX = 4


@dataclass(frozen=True)
class Run:
    """Outputs with equal weights between their two samples: low + weight (high - low).

    Slices with a stride instead of index arrays: one `torch.lerp` handles the whole run in place.
    """

    target: slice  # of the outputs
    low: slice  # of the samples before them
    high: slice  # of the samples after them
    weight: float  # of `high`, in [0, 1)


@dataclass(frozen=True)
class Axis:
    """The positions of an axis's outputs between its samples, which repeat with a period.

    Output i < len(positions) lies at `positions[i]`, counted in samples. Output i + len(positions) lies `stride`
    samples further. The outermost samples are repeated `margin` times at both ends.
    """

    positions: tuple[Fraction, ...]
    stride: int
    margin: int

    @classmethod
    def between_pixels(cls, samples: int, outputs: int) -> "Axis":
        """Return an axis with samples at the centers of cells; outputs of the outer half cells lie in the margin."""
        # In units of cells, output i is (i + 1/2) samples / outputs from the edge and sample j is j + 1/2 from it. The
        # margin moves the samples' indices by 1, so the position is (i + 1/2) samples / outputs - 1/2 + 1. Exact
        # fractions, because the period is their denominator in lowest terms.
        cells = Fraction(samples, outputs)
        positions = ((i + HALF) * cells + HALF for i in range(cells.denominator))
        return cls(tuple(positions), cells.numerator, margin=1)

    @classmethod
    def between_vertices(cls, spacing: int) -> "Axis":
        """Return an axis with samples at every multiple of `spacing` pixels, both ends included."""
        # Pixel centers between two vertices: the period is one cell, and no output lies outside of the samples.
        return cls(tuple((i + HALF) / spacing for i in range(spacing)), stride=1, margin=0)

    def runs(self, outputs: range) -> Iterator[Run]:
        """Yield runs that contain every output once.

        Targets count from the first output of `outputs`, samples from the first of the margin.
        """
        # One run per phase: outputs `period` apart have the same weight, and their samples are `stride` apart.
        period = len(self.positions)
        for start in outputs[:period]:
            rounds, phase = divmod(start, period)
            # the sample before the first output, and the distance from it, which is the weight of the next sample
            low, weight = divmod(self.positions[phase], 1)
            low += rounds * self.stride
            last = low + (len(range(start, outputs.stop, period)) - 1) * self.stride
            yield Run(
                target=slice(start - outputs.start, None, period),
                low=slice(low, last + 1, self.stride),
                high=slice(low + 1, last + 2, self.stride),
                weight=float(weight),
            )


@dataclass(frozen=True)
class Plan:
    """How maps of several sizes (height, width) are added up at label resolution.

    Maps of the sizes in `nested`, coarsest first, are summed at vertices `spacing_px` apart, and the sum is upsampled
    as one map. Maps of the sizes in `single` are upsampled separately.
    """

    nested: tuple[Px, ...]
    spacing_px: int  # half the cell of the finest nested map
    single: tuple[Px, ...]


@lru_cache
def plan(sizes: frozenset[Px], label_px: Px) -> Plan:
    """Return the plan that nests sizes which double and whose cells are squares of an even number of pixels."""
    # 256 px generator: cells of 64, 32, 16, 8 and 4 px are nested, vertices 2 px apart; cells of 2 px stay single.
    nested: list[Px] = []
    for height, width in sorted(sizes):
        cell_px = label_px[0] // height
        # An even cell has its center on a pixel's edge, where the vertices are.
        even = cell_px % 2 == 0 and (height * cell_px, width * cell_px) == label_px
        doubles = not nested or (height, width) == (2 * nested[-1][0], 2 * nested[-1][1])
        if cell_px >= MIN_NESTED_CELL_PX and even and doubles:
            nested.append((height, width))
    if len(nested) < MIN_NESTED:
        return Plan((), 0, tuple(sorted(sizes)))
    spacing_px = label_px[0] // nested[-1][0] // 2
    return Plan(tuple(nested), spacing_px, tuple(sorted(sizes - set(nested))))


def sum_at_vertices(maps: Sequence[Tensor]) -> Tensor:
    """Return the sum of upsampled maps, each twice the size of the previous one, at multiples of half the last cell.

    Exact: the samples of a map with cells of s pixels lie at odd multiples of s / 2, which are multiples of half of
    every finer cell. Between neighboring multiples each map is bilinear, and so is the sum: its values at the vertices
    determine it.
    """
    # From coarse to fine: [2h + 1, 2w + 1, c] => with midpoints [4h + 1, 4w + 1, c], the vertices of the next map
    total = at_vertices(maps[0])
    for finer in maps[1:]:
        total = _with_midpoints(total).add_(at_vertices(finer))
    return total


def at_vertices(x: Map) -> OtherMap:
    """Return an upsampled map at multiples of half its cell: [h, w, c] => [2h + 1, 2w + 1, c]."""
    # [h, w] => framed [h + 2, w + 2] => midpoints [2h + 3, 2w + 3] => without the outermost vertices
    return _with_midpoints(_framed(x))[1:-1, 1:-1]


def _framed(x: Map) -> OtherMap:
    """Return the map with its outermost samples repeated once, [h + 2, w + 2, c]."""
    height, width, channels = x.shape
    framed = x.new_empty(height + 2, width + 2, channels)
    framed[1:-1, 1:-1] = x
    # rows without their ends first, then the ends of every row, which fills the corners
    repeat_ends(framed[:, 1:-1], dim=0)
    repeat_ends(framed, dim=1)
    return framed


def repeat_ends(x: Tensor, dim: int) -> None:
    """Overwrite the first and the last slice along an axis with their neighbors, in place."""
    x.select(dim, 0).copy_(x.select(dim, 1))
    x.select(dim, -1).copy_(x.select(dim, -2))


def _with_midpoints(x: Map) -> OtherMap:
    """Insert the mean between every two neighbors: [h, w, c] => [2h - 1, 2w - 1, c]."""
    height, width, channels = x.shape
    out = x.new_empty(2 * height - 1, 2 * width - 1, channels)
    out[::2, ::2] = x
    # rows between the samples' rows first, then all columns between, in rows of both kinds
    torch.lerp(x[:-1], x[1:], 0.5, out=out[1::2, ::2])
    torch.lerp(out[:, :-2:2], out[:, 2::2], 0.5, out=out[:, 1::2])
    return out


@dataclass(frozen=True)
class Upsampling:
    """Upsamples one map to a strip of output rows: first along the height, then along the width.

    `narrow` is the buffer between both: the output's rows, the map's width and its margin's columns. Maps include the
    rows of their margin: [height + 2 margins, width, channels].
    """

    rows: Axis
    columns: Axis
    narrow: Tensor

    @classmethod
    def of_pixels(cls, px: Px, label_px: Px, strip: Map) -> "Upsampling":
        """Return the upsampling of a map of `px`, for strips shaped like `strip`."""
        rows, columns = (Axis.between_pixels(*each) for each in zip(px, label_px, strict=True))
        return cls(rows, columns, strip.new_empty(strip.shape[0], px[1] + 2, strip.shape[2]))

    @classmethod
    def of_vertices(cls, spacing_px: int, strip: Map) -> "Upsampling":
        """Return the upsampling of values at vertices, for strips shaped like `strip`."""
        axis = Axis.between_vertices(spacing_px)
        vertices = strip.shape[1] // spacing_px + 1  # both borders included
        return cls(axis, axis, strip.new_empty(strip.shape[0], vertices, strip.shape[2]))

    def write(self, samples: Map, out: OtherMap, span: range) -> None:
        """Write the output's rows `span` to `out`."""
        narrow = self._narrow(samples, span)
        for run in self.columns.runs(range(out.shape[1])):
            low, high = narrow[:, run.low], narrow[:, run.high]
            torch.lerp(low, high, run.weight, out=out[:, run.target])

    def add(self, samples: Map, out: OtherMap, span: range) -> None:
        """Add the output's rows `span` to `out`."""
        narrow = self._narrow(samples, span)
        for run in self.columns.runs(range(out.shape[1])):
            # two additions in place instead of a `lerp` into a temporary strip
            target = out[:, run.target]
            target.add_(narrow[:, run.low], alpha=1 - run.weight)
            target.add_(narrow[:, run.high], alpha=run.weight)

    def _narrow(self, samples: Tensor, span: range) -> Tensor:
        """Return the rows `span` at the map's width, with the margin's columns."""
        # Rows first, so that the buffer is a strip's rows at the map's width.
        narrow, margin = self.narrow[: len(span)], self.columns.margin
        inner = narrow[:, margin : narrow.shape[1] - margin]
        for run in self.rows.runs(span):
            low, high = samples[run.low], samples[run.high]
            torch.lerp(low, high, run.weight, out=inner[run.target])
        if margin:
            repeat_ends(narrow, dim=1)
        return narrow
