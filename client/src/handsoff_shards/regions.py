"""The regions of a mask: connected components, their outlines along pixel edges, and COCO's run lengths.

Masks are bool [height, width]. Outlines are exact: filled, they give the same pixels again.
"""

from collections.abc import Container, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Point = tuple[int, int]
Polygon = list[Point]
"""x and y of corners of pixels: the first pixel reaches from (0, 0) to (1, 1)."""
Edge = tuple[int, int, int]
"""Where one side of a pixel begins, and in which direction it goes: an index of `_STEPS`."""

_STEPS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))  # right, down, left, up


def components(mask: Mask) -> Iterator[Mask]:
    """Each 4-connected part of a mask, in order of its first pixel. Runs of a row are joined with those above."""
    labels = np.zeros(mask.shape, np.int64)
    parents = [0]

    def root(label: int) -> int:
        while parents[label] != label:
            label = parents[label]
        return label

    for row, start, stop in _runs(mask):
        above = labels[row - 1, start:stop].tolist() if row else []
        roots = sorted({root(label) for label in set(above) - {0}})
        if not roots:
            parents.append(len(parents))
            roots = [len(parents) - 1]
        for label in roots:
            parents[label] = roots[0]
        labels[row, start:stop] = roots[0]
    merged = np.array([root(label) for label in range(len(parents))])[labels]
    for label in sorted(set(np.unique(merged).tolist()) - {0}):
        yield merged == label


def outline(mask: Mask) -> Polygon:
    """One polygon around a connected mask; holes are reached by lines without width, and back."""
    outer, *holes = sorted(_loops(mask), key=_area, reverse=True)
    path = [*outer, outer[0]]
    for hole in holes:
        path += [*hole, hole[0], outer[0]]
    return path if holes else outer


def run_lengths(mask: Mask) -> str:
    """COCO's compressed run lengths: column by column, background first, differences in base 32.

    The encoding is that of pycocotools (`rleToString` in maskApi.c).
    """
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = [0, *([0] if flat.size and flat[0] else []), *edges.tolist(), flat.size]
    counts = [stop - start for start, stop in pairwise(bounds)]
    return "".join(
        _digits(count - counts[place - 2] if place > 2 else count)
        for place, count in enumerate(counts)
    )


def box(mask: Mask) -> tuple[int, int, int, int]:
    """x, y, width and height of the smallest box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def _digits(value: int) -> str:
    """A number in groups of five bits, the lowest first; a sixth says that more follow, the last group has the sign."""
    text = ""
    while True:
        group = value & 0x1F
        value >>= 5
        is_last = value == (-1 if group & 0x10 else 0)
        text += chr((group | (0 if is_last else 0x20)) + 48)
        if is_last:
            return text


def _runs(mask: Mask) -> Iterator[tuple[int, int, int]]:
    """Each run of a row, row by row: the row, where it starts, where it stops."""
    changes = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, columns = np.nonzero(changes)
    yield from zip(rows[::2].tolist(), columns[::2].tolist(), columns[1::2].tolist(), strict=True)


def _loops(mask: Mask) -> Iterator[Polygon]:
    """The closed lines between inside and outside, clockwise around the inside; corners only."""
    edges = dict.fromkeys(_edges(mask))
    left = dict(edges)
    while left:
        edge = first = next(iter(left))
        corners: Polygon = []
        while edge in left:
            del left[edge]
            following = _following(edge, edges)
            if following[2] != edge[2]:
                corners.append(following[:2])
            edge = following
        assert edge == first
        yield corners


def _edges(mask: Mask) -> Iterator[Edge]:
    """Every side of a pixel between inside and outside."""
    padded = np.pad(mask, 1)
    sides = (
        (padded[:-2, 1:-1], (0, 0)),  # above: along the top to the right, from the upper left
        (padded[1:-1, 2:], (1, 0)),  # right: down, from the upper right
        (padded[2:, 1:-1], (1, 1)),  # below: to the left, from the lower right
        (padded[1:-1, :-2], (0, 1)),  # left: up, from the lower left
    )
    for direction, (neighbour, (x, y)) in enumerate(sides):
        for row, column in np.argwhere(mask & ~neighbour).tolist():
            yield column + x, row + y, direction


def _following(edge: Edge, edges: Container[Edge]) -> Edge:
    """The edge that goes on where this one ends: to the right if there is one.

    Where two pixels touch at a corner alone, each line so stays with its own pixel: they are not connected.
    """
    x, y, direction = edge
    x, y = x + _STEPS[direction][0], y + _STEPS[direction][1]
    ways = ((x, y, turned % 4) for turned in (direction + 1, direction, direction + 3))
    return next(way for way in ways if way in edges)


def _area(loop: Polygon) -> int:
    """Twice the signed area (shoelace): positive clockwise, as y points down; holes are negative."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise([*loop, loop[0]]))
