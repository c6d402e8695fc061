"""Render many portraits in the order of their indices, with one or several processes."""

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
    """Yield the renderings of a seed with all labels."""
    return _each(partial(render, seed), indices, processes)


def render_images(
    seed: int, indices: Sequence[int], *, processes: int = 1
) -> Iterator[NDArray[np.uint8]]:
    """Yield only the images, uint8 [64, 64, 3]. Faster than `render_many`."""
    return _each(partial(render_image, seed), indices, processes)


def _each(
    function: Callable[[int], Rendered], indices: Sequence[int], processes: int
) -> Iterator[Rendered]:
    if processes < 1:
        raise ValueError(f"expected at least 1 process, got {processes}")
    if processes == 1:
        yield from map(function, indices)
        return
    # Processes are spawned, because a fork breaks the threads of a caller that uses torch.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, indices, chunksize=50)
