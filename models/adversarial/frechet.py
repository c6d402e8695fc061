"""The Frechet distance between two sets of feature vectors, and features for it that need no downloaded network.

A distance in a network's features is named after that network. Ours are those of a discriminator with seeded random
weights ("FD-R", the same yardstick for the whole of a training), never Inception's, so the figure is no FID.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import Images
from models.generators.stylegan2.config import DiscriminatorConfig
from models.generators.stylegan2.discriminator import Discriminator


def random_features(images: Images, config: DiscriminatorConfig) -> Float[Tensor, "batch features"]:
    """Mean and deviation over the pixels of every block output of a discriminator with the random weights of seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Discriminator(config).to(images.device)
    with torch.no_grad():
        maps = network.features(images)
    moments = [torch.cat([m.mean(dim=(2, 3)), m.std(dim=(2, 3))], dim=1) for m in maps]
    return torch.cat(moments, dim=1)


def frechet_distance(
    a: Float[Tensor, "samples_a features"], b: Float[Tensor, "samples_b features"]
) -> float:
    """|mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) (Heusel et al., arXiv 1706.08500, equation 6), in float64."""
    a, b = a.double(), b.double()
    covariance_a, covariance_b = torch.cov(a.t()), torch.cov(b.t())
    root_a = _root(covariance_a)
    cross = _root(root_a @ covariance_b @ root_a)
    shift = (a.mean(0) - b.mean(0)).square().sum()
    return float(shift + covariance_a.trace() + covariance_b.trace() - 2 * cross.trace())


def _root(matrix: Float[Tensor, "features features"]) -> Float[Tensor, "features features"]:
    """Square root of a symmetric positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.t()
    return root
