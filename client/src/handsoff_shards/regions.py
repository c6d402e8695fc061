"""The regions of a mask: connected parts, their outlines along pixel edges, and the run lengths of COCO.

Parts are 4-connected: pixels of one value that share a side. Outlines are exact: filled with the even-odd rule, they
give the same pixels. Time and memory are linear in the number of pixels, for any number of parts.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Values = NDArray[np.uint8]
Ids = NDArray[np.int64]
Corners = NDArray[np.int64]
"""[corner, 2]: x and y of pixel corners. The first pixel spans (0, 0) to (1, 1)."""
Polygon = list[tuple[int, int]]
"""Corners as a list."""
Box = tuple[int, int, int, int]
"""x, y, width and height."""

_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # right, down, left, up


@dataclass(frozen=True)
class Part:
    """A connected part of a mask: the value of its pixels, its outline, its area in pixels and its bounding box."""

    value: int
    outline: Corners
    area: int
    box: Box


@dataclass(frozen=True)
class _Edges:
    """Directed edges of pixels on the border of parts, clockwise around each part.

    `start` [edge, 2] is the first corner of an edge, `direction` an index of `_STEPS`, `pixel` the flat index of its
    pixel, `following` the index of the next edge. Upper edges are first, in the order of the pixels.
    """

    start: Corners
    direction: Ids
    pixel: Ids
    following: Ids


def find_parts(values: Values, selected: Collection[int]) -> list[Part]:
    """Return the connected parts of an index mask with a selected value, sorted by value, then by first pixel."""
    inside = np.isin(values, list(selected))
    if not inside.any():
        return []
    labels = _label(values, inside).ravel()
    areas = np.bincount(labels[inside.ravel()])
    edges = _trace(values, inside)
    order, begins = _loops(edges)
    corners = edges.start[order]
    owners = labels[edges.pixel[order[begins]]]
    # The upper edge of a part's first pixel is on the outer border. So the first loop of a part is the outer one.
    own = np.argsort(owners, kind="stable")
    is_first = np.diff(owners[own], prepend=-1) != 0
    ends = np.append(begins[1:], len(order))
    boxes = _boxes(corners, begins)
    parts: list[Part] = []
    for loops in np.split(own, np.flatnonzero(is_first)[1:]):
        outer, label = loops[0], owners[loops[0]]
        outline = _joined([corners[begins[loop] : ends[loop]] for loop in loops.tolist()])
        left, top, width, height = boxes[outer].tolist()
        value = int(values.flat[label])
        parts.append(Part(value, outline, int(areas[label]), (left, top, width, height)))
    return sorted(parts, key=lambda part: part.value)


def components(mask: Mask) -> Iterator[Mask]:
    """Yield each connected part as a separate mask, in order of the first pixel.

    Each mask needs the memory of the input. Use `find_parts` where outlines are enough.
    """
    labels = _label(mask.astype(np.uint8), mask)
    pixels = np.flatnonzero(mask)
    pixels = pixels[np.argsort(labels.ravel()[pixels], kind="stable")]
    ends = np.flatnonzero(np.diff(labels.ravel()[pixels])) + 1
    for own in np.split(pixels, ends) if pixels.size else ():
        part = np.zeros(mask.shape, np.bool_)
        part.ravel()[own] = True
        yield part


def outline(mask: Mask) -> Polygon:
    """Return one polygon around a connected mask. Lines without width lead to its holes and back."""
    x, y, width, height = box(mask)
    (part,) = find_parts(mask[y : y + height, x : x + width].astype(np.uint8), [1])
    return [(left + x, top + y) for left, top in part.outline.tolist()]


def run_lengths(mask: Mask) -> str:
    """Return the compressed run lengths of COCO: column by column, background first, differences in base 32.

    The encoding is `rleToString` in maskApi.c of pycocotools.
    """
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = [0, *([0] if flat.size and flat[0] else []), *edges.tolist(), flat.size]
    counts = [stop - start for start, stop in pairwise(bounds)]
    return "".join(
        _digits(count - counts[place - 2] if place > 2 else count)
        for place, count in enumerate(counts)
    )


def box(mask: Mask) -> Box:
    """Return x, y, width and height of the smallest box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def _digits(value: int) -> str:
    """Encode a number in groups of five bits, lowest first. A sixth bit says that more follow. The last has a sign."""
    text = ""
    while True:
        group = value & 0x1F
        value >>= 5
        is_last = value == (-1 if group & 0x10 else 0)
        text += chr((group | (0 if is_last else 0x20)) + 48)
        if is_last:
            return text


def _label(values: Values, inside: Mask) -> Ids:
    """Label each inside pixel with the flat index of the first pixel of its part.

    Pixels are first joined to runs within a row. Then runs that touch runs above them are merged.
    """
    height, width = values.shape
    if not values.size:
        return np.zeros(values.shape, np.int64)
    starts = np.ones(values.shape, np.bool_)
    starts[:, 1:] = (values[:, 1:] != values[:, :-1]) | (inside[:, 1:] != inside[:, :-1])
    run = np.cumsum(starts.ravel()).reshape(height, width) - 1
    joined = inside[1:] & inside[:-1] & (values[1:] == values[:-1])
    roots = _merge(int(run[-1, -1]) + 1, run[:-1][joined], run[1:][joined])
    first_pixels: Ids = np.flatnonzero(starts)
    labels: Ids = first_pixels[roots][run]
    return labels


def _merge(count: int, one: Ids, other: Ids) -> Ids:
    """Return the smallest member of the group of each of `count` items, where one[i] and other[i] are in one group.

    Each round links every root to its smallest neighbour and shortens all paths. The number of unmerged groups at least
    halves every two rounds, so there are at most 2 log2(count) rounds.
    """
    parents = np.arange(count)
    while True:
        low = np.minimum(parents[one], parents[other])
        high = np.maximum(parents[one], parents[other])
        apart = low < high
        if not apart.any():
            return parents
        one, other = one[apart], other[apart]
        np.minimum.at(parents, high[apart], low[apart])
        while True:
            shorter = parents[parents]
            if np.array_equal(shorter, parents):
                break
            parents = shorter


def _trace(values: Values, inside: Mask) -> _Edges:
    """Return every edge between an inside pixel and a neighbour of another value, and the edge that follows it."""
    height, width = values.shape
    padded = np.pad(np.where(inside, values.astype(np.int16), -1), 1, constant_values=-1)
    own = padded[1:-1, 1:-1]
    sides = (
        (padded[:-2, 1:-1], (0, 0)),  # above: along the top to the right, from the upper left
        (padded[1:-1, 2:], (1, 0)),  # right: down, from the upper right
        (padded[2:, 1:-1], (1, 1)),  # below: to the left, from the lower right
        (padded[1:-1, :-2], (0, 1)),  # left: up, from the lower left
    )
    pixels = [np.flatnonzero(inside & (own != neighbour)) for neighbour, _ in sides]
    direction = np.repeat(np.arange(4), [len(side) for side in pixels])
    pixel = np.concatenate(pixels)
    offsets = np.array([offset for _, offset in sides], np.int64)[direction]
    rows, columns = np.divmod(pixel, max(width, 1))
    x, y = columns + offsets[:, 0], rows + offsets[:, 1]
    number = np.full((4, height + 1, width + 1), -1, np.int64)
    number[direction, y, x] = np.arange(len(pixel))
    steps = _STEPS[direction]
    # At the end of an edge the border turns right if possible, else it continues straight, else it turns left. So two
    # pixels that touch only at a corner get separate borders: they are not connected.
    ways = [number[(direction + turn) % 4, y + steps[:, 1], x + steps[:, 0]] for turn in (1, 0, 3)]
    following = np.where(ways[0] >= 0, ways[0], np.where(ways[1] >= 0, ways[1], ways[2]))
    return _Edges(np.stack([x, y], axis=1), direction, pixel, following)


def _loops(edges: _Edges) -> tuple[Ids, Ids]:
    """Return the edges that start at corners, loop by loop in the order of each loop, and where each loop begins.

    Loops start at upper edges, in the order of the pixels. Every loop has one, because it goes right somewhere.
    """
    following = edges.following.tolist()
    is_corner = (edges.direction[edges.following] != edges.direction).tolist()
    is_left = bytearray(b"\1") * len(following)
    order: list[int] = []
    begins: list[int] = []
    for start in range(int(np.count_nonzero(edges.direction == 0))):
        if is_left[start]:
            begins.append(len(order))
        edge = start
        while is_left[edge]:
            is_left[edge] = 0
            ahead = following[edge]
            if is_corner[edge]:
                order.append(ahead)
            edge = ahead
    return np.array(order, np.int64), np.array(begins, np.int64)


def _boxes(corners: Corners, begins: Ids) -> Ids:
    """Return [loop, 4]: the box around each loop of corners."""
    low = np.minimum.reduceat(corners, begins, axis=0)
    high = np.maximum.reduceat(corners, begins, axis=0)
    return np.concatenate([low, high - low], axis=1)


def _joined(loops: list[Corners]) -> Corners:
    """Return one polygon of an outer loop and its holes. A line without width leads to each hole and back."""
    outer, *holes = loops
    if not holes:
        return outer
    path = [outer, outer[:1]]
    for hole in holes:
        path += [hole, hole[:1], outer[:1]]
    return np.concatenate(path)
