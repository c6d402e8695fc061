"""Loads networks from the store onto a device; a loaded network stays warm."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from contracts.generators.generator import Weights
from models.serialization import unpack
from state.settings import Precision
from state.store import Store
from workers.runtime.artefacts import read_artefact
from workers.runtime.warm import N, WarmNetworks

Build = Callable[[dict[str, Any], dict[str, Tensor]], N]


@dataclass(frozen=True)
class NetworkLoader:
    """Loads from one store onto one device, through a cache of warm networks."""

    store: Store
    device: torch.device
    warm: WarmNetworks

    def load(self, weights: Weights, build: Build[N], precision: Precision = "float32") -> N:
        """Return the network that `build` makes from its JSON and tensors, built once per precision."""

        def build_now() -> N:
            config = json.loads(read_artefact(self.store, weights.config))
            tensors = unpack(read_artefact(self.store, weights.tensors))
            return build(config, tensors).to(self.device)

        return self.warm.get(f"{weights.digest} {precision}", build_now)

    def load_mounted(self, sha256: str, read: Callable[[], N]) -> N:
        """Return the network that `read` loads from a mounted file with this digest."""
        return self.warm.get(sha256, lambda: read().to(self.device))
