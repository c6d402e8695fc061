"""Warm networks: loaded once, evicted by size."""

import pytest
from torch import nn

from workers.runtime.warm import WarmNetworks, num_bytes

LINEAR_BYTES = (10 * 10 + 10) * 4


def linear() -> nn.Linear:
    """Return a small network of known size."""
    return nn.Linear(10, 10)


def test_a_network_is_loaded_once() -> None:
    """The second request for a digest is answered from memory."""
    warm = WarmNetworks(max_bytes=10 * LINEAR_BYTES)
    first = warm.get("a", linear)
    assert warm.get("a", lambda: pytest.fail("loaded twice")) is first


def test_the_least_recently_used_network_is_evicted_first() -> None:
    """Without room for all, the networks used last stay."""
    warm = WarmNetworks(max_bytes=2 * LINEAR_BYTES)
    kept = warm.get("a", linear)
    warm.get("b", linear)
    warm.get("a", linear)
    warm.get("c", linear)
    assert warm.get("a", linear) is kept
    assert warm.num_bytes == 2 * LINEAR_BYTES


def test_a_network_larger_than_the_limit_still_works() -> None:
    """It is kept while it is the newest, because the job needs it."""
    warm = WarmNetworks(max_bytes=1)
    large = warm.get("a", linear)
    assert warm.get("a", linear) is large


def test_bytes_count_parameters_and_buffers() -> None:
    """The running statistics of a batch norm take memory too."""
    assert num_bytes(nn.BatchNorm1d(4)) == 4 * 4 * 4 + 8
