"""The Frechet distance between two sets of feature vectors, and features for it that need no downloaded network.

The features are those of a discriminator with seeded random weights. The distance is called FD-R (R for random) and
compares checkpoints of one training. It is not FID, which uses the features of a trained Inception network.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from models.arrays import Images
from models.generators.stylegan2.config import DiscriminatorConfig
from models.generators.stylegan2.discriminator import Discriminator


def random_features(images: Images, config: DiscriminatorConfig) -> Float[Tensor, "batch features"]:
    """Return mean and standard deviation over the pixels of every block output, float32.

    The weights always come from seed 0. torch's random state stays unchanged.
    """
    # Drawn on the CPU, then moved: the weights do not depend on the device.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Discriminator(config).to(images.device)
    with torch.no_grad():
        maps = network.features(images)
    # per block: [n, c, h, w] => [n, 2c]; together [n, 2 x sum of channels]
    moments = [torch.cat([m.mean(dim=(2, 3)), m.std(dim=(2, 3))], dim=1) for m in maps]
    return torch.cat(moments, dim=1)


def frechet_distance(
    a: Float[Tensor, "samples_a features"], b: Float[Tensor, "samples_b features"]
) -> float:
    """Return the squared Frechet distance of two normal distributions fitted to the features, computed in float64.

    |mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) (FID, Heusel et al., arXiv 1706.08500, equation 6).
    """
    # float64: the traces nearly cancel when the sets are similar.
    a, b = a.double(), b.double()
    covariance_a, covariance_b = torch.cov(a.t()), torch.cov(b.t())
    # C_a C_b is not symmetric, but it has the eigenvalues of R C_b R with R = C_a^(1/2), which is. So both square
    # roots have the same trace, and `eigh` is enough.
    root_a = _root(covariance_a)
    cross = _root(root_a @ covariance_b @ root_a)
    shift = (a.mean(0) - b.mean(0)).square().sum()
    return float(shift + covariance_a.trace() + covariance_b.trace() - 2 * cross.trace())


def _root(matrix: Float[Tensor, "features features"]) -> Float[Tensor, "features features"]:
    """Return the square root of a symmetric positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    # With fewer samples than features the smallest eigenvalues are zero, and rounding makes some of them negative.
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.t()
    return root
