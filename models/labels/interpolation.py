"""Bilinear upsampling taken apart, so that a sum of upsampled maps can be made strip by strip in a processor's cache.

Maps here are [height, width, channels]. "Upsampled" means what `F.interpolate` does without `align_corners`: sample j
of a map whose cells are s pixels wide lies at s (j + 1/2) pixels, output pixel i at i + 1/2, and beyond the outermost
samples the values stay as they are.
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
MIN_NESTED = 2
MIN_NESTED_CELL_PX = 4
"""Smaller cells are upsampled on their own: their vertices are as many as the output's pixels."""


@dataclass(frozen=True)
class Run:
    """Outputs that lie equally far between their two samples: low + weight (high - low)."""

    target: slice
    low: slice
    high: slice
    weight: float


@dataclass(frozen=True)
class Axis:
    """Where an axis's outputs lie between its samples.

    Output i < len(positions) lies at `positions[i]`, counted in samples, and each round of so many outputs lies
    `stride` samples further. The outermost samples are repeated `margin` times at either end.
    """

    positions: tuple[Fraction, ...]
    stride: int
    margin: int

    @classmethod
    def between_pixels(cls, samples: int, outputs: int) -> "Axis":
        """Samples in the middle of their cells; the outputs of the outer half cells lie in the margin."""
        cells = Fraction(samples, outputs)
        positions = ((i + HALF) * cells + HALF for i in range(cells.denominator))
        return cls(tuple(positions), cells.numerator, margin=1)

    @classmethod
    def between_vertices(cls, spacing: int) -> "Axis":
        """Samples at every multiple of `spacing` pixels, both ends included."""
        return cls(tuple((i + HALF) / spacing for i in range(spacing)), stride=1, margin=0)

    def runs(self, outputs: range) -> Iterator[Run]:
        """Every output once; targets count from the first output, samples from the margin's first."""
        period = len(self.positions)
        for start in outputs[:period]:
            rounds, phase = divmod(start, period)
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
    """How maps of several sizes (height, width) become one sum at label resolution.

    Maps of the sizes in `nested`, coarsest first, are summed at vertices `spacing_px` apart, and the sum is upsampled
    as one map; those of the sizes in `single` are upsampled on their own.
    """

    nested: tuple[Px, ...]
    spacing_px: int
    single: tuple[Px, ...]


@lru_cache
def plan(sizes: frozenset[Px], label_px: Px) -> Plan:
    """Nests sizes that double from one to the next and whose cells are squares of an even number of pixels."""
    nested: list[Px] = []
    for height, width in sorted(sizes):
        cell_px = label_px[0] // height
        even = cell_px % 2 == 0 and (height * cell_px, width * cell_px) == label_px
        doubles = not nested or (height, width) == (2 * nested[-1][0], 2 * nested[-1][1])
        if cell_px >= MIN_NESTED_CELL_PX and even and doubles:
            nested.append((height, width))
    if len(nested) < MIN_NESTED:
        return Plan((), 0, tuple(sorted(sizes)))
    spacing_px = label_px[0] // nested[-1][0] // 2
    return Plan(tuple(nested), spacing_px, tuple(sorted(sizes - set(nested))))


def sum_at_vertices(maps: Sequence[Tensor]) -> Tensor:
    """The sum of upsampled maps, each twice the size of the one before, at all multiples of half the last one's cell.

    Exact: the samples of a map with cells of s pixels lie at odd multiples of s / 2, and those are multiples of half of
    every finer cell. Between neighbouring multiples all maps are bilinear, so their sum is, and its values there are
    all there is to know.
    """
    total = at_vertices(maps[0])
    for finer in maps[1:]:
        total = _with_midpoints(total).add_(at_vertices(finer))
    return total


def at_vertices(x: Map) -> OtherMap:
    """An upsampled map at the multiples of half its cell: [2 height + 1, 2 width + 1, channels]."""
    return _with_midpoints(_framed(x))[1:-1, 1:-1]


def _framed(x: Map) -> OtherMap:
    """The map with its outermost samples repeated once."""
    height, width, channels = x.shape
    framed = x.new_empty(height + 2, width + 2, channels)
    framed[1:-1, 1:-1] = x
    repeat_ends(framed[:, 1:-1], dim=0)
    repeat_ends(framed, dim=1)
    return framed


def repeat_ends(x: Tensor, dim: int) -> None:
    """Copies the samples beside the first and the last along an axis onto these."""
    x.select(dim, 0).copy_(x.select(dim, 1))
    x.select(dim, -1).copy_(x.select(dim, -2))


def _with_midpoints(x: Map) -> OtherMap:
    """The map with the mean of every two neighbours between them: [2 height - 1, 2 width - 1, channels]."""
    height, width, channels = x.shape
    out = x.new_empty(2 * height - 1, 2 * width - 1, channels)
    out[::2, ::2] = x
    torch.lerp(x[:-1], x[1:], 0.5, out=out[1::2, ::2])
    torch.lerp(out[:, :-2:2], out[:, 2::2], 0.5, out=out[:, 1::2])
    return out


@dataclass(frozen=True)
class Upsampling:
    """How one map becomes rows of the output, heights first and then widths.

    `narrow` has room for a strip of the output's rows, as wide as the map. Maps come with the rows of their margin:
    [height + 2 margins, width, channels].
    """

    rows: Axis
    columns: Axis
    narrow: Tensor

    @classmethod
    def of_pixels(cls, px: Px, label_px: Px, strip: Map) -> "Upsampling":
        """Of a map of `px`, for strips of the given shape."""
        rows, columns = (Axis.between_pixels(*each) for each in zip(px, label_px, strict=True))
        return cls(rows, columns, strip.new_empty(strip.shape[0], px[1] + 2, strip.shape[2]))

    @classmethod
    def of_vertices(cls, spacing_px: int, strip: Map) -> "Upsampling":
        """Of values at vertices, for strips of the given shape."""
        axis = Axis.between_vertices(spacing_px)
        vertices = strip.shape[1] // spacing_px + 1
        return cls(axis, axis, strip.new_empty(strip.shape[0], vertices, strip.shape[2]))

    def write(self, samples: Map, out: OtherMap, span: range) -> None:
        """The output's rows `span`."""
        narrow = self._narrow(samples, span)
        for run in self.columns.runs(range(out.shape[1])):
            low, high = narrow[:, run.low], narrow[:, run.high]
            torch.lerp(low, high, run.weight, out=out[:, run.target])

    def add(self, samples: Map, out: OtherMap, span: range) -> None:
        """The output's rows `span`, added to what is there."""
        narrow = self._narrow(samples, span)
        for run in self.columns.runs(range(out.shape[1])):
            target = out[:, run.target]
            target.add_(narrow[:, run.low], alpha=1 - run.weight)
            target.add_(narrow[:, run.high], alpha=run.weight)

    def _narrow(self, samples: Tensor, span: range) -> Tensor:
        """The rows `span` at the map's own width, with the margin's columns."""
        narrow, margin = self.narrow[: len(span)], self.columns.margin
        inner = narrow[:, margin : narrow.shape[1] - margin]
        for run in self.rows.runs(span):
            low, high = samples[run.low], samples[run.high]
            torch.lerp(low, high, run.weight, out=inner[run.target])
        if margin:
            repeat_ends(narrow, dim=1)
        return narrow
