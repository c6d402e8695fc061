"""Warm networks: a loaded network stays in memory, keyed by its weights' digest, until others need the memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol, Self, TypeVar, cast

import torch
from torch import Tensor, nn


class Network(Protocol):
    """The methods of torch.nn.Module that the cache needs."""

    def to(self, device: torch.device) -> Self: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def buffers(self) -> Iterator[Tensor]: ...


N = TypeVar("N", bound=Network)


class WarmNetworks:
    """A least-recently-used cache of networks, bounded by the bytes of their parameters and buffers."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._networks: OrderedDict[str, Network] = OrderedDict()

    def get(self, digest: str, load: Callable[[], N]) -> N:
        """Return the network of `digest`; load it if it is not cached. The newest one always stays."""
        if digest not in self._networks:
            self._networks[digest] = load()
        self._networks.move_to_end(digest)
        self._evict()
        return cast("N", self._networks[digest])  # a digest names one network

    @property
    def num_bytes(self) -> int:
        """The bytes of all cached networks."""
        return sum(num_bytes(network) for network in self._networks.values())

    def _evict(self) -> None:
        evicted = False
        while len(self._networks) > 1 and self.num_bytes > self._max_bytes:
            self._networks.popitem(last=False)
            evicted = True
        if evicted and torch.cuda.is_available():
            torch.cuda.empty_cache()


def num_bytes(network: Network) -> int:
    """Return the bytes of a network's parameters and buffers."""
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
