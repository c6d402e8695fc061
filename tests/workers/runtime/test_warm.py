"""Warm networks: loaded once, evicted by size."""

import pytest
from torch import nn

from workers.runtime.warm import WarmNetworks, num_bytes

LINEAR_BYTES = (10 * 10 + 10) * 4


def linear() -> nn.Linear:
    """A small network of known size."""
    return nn.Linear(10, 10)


def test_a_network_is_loaded_once() -> None:
    """The second request for a digest is answered from memory."""
    warm = WarmNetworks(max_bytes=10 * LINEAR_BYTES)
    first = warm.get("a", linear)
    assert warm.get("a", lambda: pytest.fail("loaded twice")) is first


def test_the_longest_unused_goes_first() -> None:
    """When there is no room, what was used last stays."""
    warm = WarmNetworks(max_bytes=2 * LINEAR_BYTES)
    kept = warm.get("a", linear)
    warm.get("b", linear)
    warm.get("a", linear)
    warm.get("c", linear)
    assert warm.get("a", linear) is kept
    assert warm.num_bytes == 2 * LINEAR_BYTES


def test_one_too_large_network_still_works() -> None:
    """A network larger than the bound is kept while it is the newest: the job needs it."""
    warm = WarmNetworks(max_bytes=1)
    large = warm.get("a", linear)
    assert warm.get("a", linear) is large


def test_bytes_count_parameters_and_buffers() -> None:
    """A batch norm's running statistics take room too."""
    assert num_bytes(nn.BatchNorm1d(4)) == 4 * 4 * 4 + 8
