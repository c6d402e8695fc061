"""Renders many portraits, in several processes if asked to, in the order of their indices."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from examples.portraits.render import Rendering, render, render_image

Rendered = TypeVar("Rendered")


def render_many(seed: int, indices: Sequence[int], *, processes: int = 1) -> Iterator[Rendering]:
    """The renderings of a seed with all their truth, one by one."""
    return _each(partial(render, seed), indices, processes)


def render_images(
    seed: int, indices: Sequence[int], *, processes: int = 1
) -> Iterator[NDArray[np.uint8]]:
    """The images alone, uint8 [64, 64, 3], one by one; faster than `render_many`."""
    return _each(partial(render_image, seed), indices, processes)


def _each(
    function: Callable[[int], Rendered], indices: Sequence[int], processes: int
) -> Iterator[Rendered]:
    if processes < 1:
        raise ValueError(f"processes is {processes}, expected at least 1")
    if processes == 1:
        yield from map(function, indices)
        return
    # Spawned, because a caller may hold threads (torch does) that a fork would break.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, indices, chunksize=50)
