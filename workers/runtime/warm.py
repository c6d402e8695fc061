"""Warm networks: what was loaded once stays in memory, keyed by its weights' digest, until others need the room."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class WarmNetworks:
    """A least-recently-used cache of networks, bounded by the bytes of their parameters and buffers."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._networks: OrderedDict[str, nn.Module] = OrderedDict()

    def get(self, digest: str, load: Callable[[], Network]) -> Network:
        """The network of `digest`, loaded by `load` when it is not here. The newest always stays, whatever its size."""
        if digest not in self._networks:
            self._networks[digest] = load()
        self._networks.move_to_end(digest)
        self._evict()
        return self._networks[digest]  # type: ignore[return-value]  # a digest names one network

    @property
    def num_bytes(self) -> int:
        """What all networks here take together."""
        return sum(num_bytes(network) for network in self._networks.values())

    def _evict(self) -> None:
        evicted = False
        while len(self._networks) > 1 and self.num_bytes > self._max_bytes:
            self._networks.popitem(last=False)
            evicted = True
        if evicted and torch.cuda.is_available():
            torch.cuda.empty_cache()


def num_bytes(network: nn.Module) -> int:
    """The bytes of a network's parameters and buffers."""
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
