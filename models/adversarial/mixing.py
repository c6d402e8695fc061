"""Latent codes for a training batch, with style mixing."""

import torch

from models.arrays import StyleCodes
from models.generators.stylegan2.generator import Generator


def mixed_codes(generator: Generator, count: int, mixing: float) -> StyleCodes:
    """Return W+ codes of new latents; with probability `mixing` the layers after a random one take a second w.

    Mixing regularization (StyleGAN, arXiv 1812.04948, section 3.1).
    """
    config = generator.config
    device = generator.mapping.w_mean.device
    ws = generator.map(torch.randn(count, config.z_dim, device=device))
    if mixing <= 0.0:
        return ws
    others = generator.map(torch.randn(count, config.z_dim, device=device))
    # The first layer that takes the second code, 1 to num_ws - 1; num_ws for a sample without mixing: [n]
    cut = torch.randint(1, config.num_ws, (count,), device=device)
    cut = torch.where(torch.rand(count, device=device) < mixing, cut, config.num_ws)
    layers = torch.arange(config.num_ws, device=device)
    # [1, num_ws] < [n, 1] => [n, num_ws, 1] selects between two codes [n, num_ws, w_dim]
    return torch.where((layers[None] < cut[:, None])[:, :, None], ws, others)
