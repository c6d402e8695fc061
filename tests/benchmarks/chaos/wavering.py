"""A broken family of generators: they depend on the process, so two workers render other pixels of one sample."""

import os
from typing import Any

import torch
from torch import Tensor

from models.generators.generator import Generator
from workers.families.stylegan2 import StyleGan2


class Wavering:
    """StyleGAN2 with weights that are a little different in each process."""

    def __getattr__(self, name: str) -> Any:
        return getattr(StyleGan2(), name)

    def build_generator(
        self,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        precision: torch.dtype = torch.float32,
    ) -> Generator:
        """Build the generator with the weights of this process."""
        moved = {name: tensor * (1 + os.getpid() / 1e5) for name, tensor in tensors.items()}
        return StyleGan2().build_generator(config, moved, precision)
