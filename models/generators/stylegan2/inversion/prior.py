"""The distribution of a generator's codes: mean and std of w, and the distance of a W+ code from it.

The codes of one class of a conditional generator are distributed differently from those of all samples.

Undoing the mapping network's last leaky ReLU makes w nearly Gaussian, so a Mahalanobis distance there measures how
unusual a code is (Wulff and Torralba, arXiv 2009.06529). Measured (benchmarks/LOG.md, "Inversion, second weights"):
weights of 0, 1e-4 (the default) and 1e-3 give a held-out mIoU of 0.598, 0.606 and 0.589; gaps below 0.01 are noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Scores, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.layers import LEAK

NUM_STATISTICS_SAMPLES = 10_000  # StyleGAN2's projector takes as many for the statistics of w
STATISTICS_SEED = 0
# Bounds the whitening: directions in which samples hardly vary would otherwise dominate the distance.
MIN_VARIANCE_SHARE = 1e-3


@runtime_checkable  # beartype checks it in tests
class CodePrior(Protocol):
    """The distances of the codes of some images from the distributions that they should have."""

    def distance(self, ws: StyleCodes) -> Scores:
        """Return the squared distance per dimension of each image's codes, mean over the layers."""

    def of(self, chosen: Int[Tensor, " chosen"]) -> "CodePrior":
        """Return the prior of the chosen images."""


@dataclass(frozen=True)
class LatentPrior:
    """One distribution for all images: mean and std of w, and the whitening of its Gaussianized form."""

    w_mean: Float[Tensor, " w_dim"]
    w_std: Float[Tensor, " w_dim"]
    gaussian_mean: Float[Tensor, " w_dim"]  # of the Gaussianized w
    whitening: Float[Tensor, "w_dim w_dim"]

    def distance(self, ws: StyleCodes) -> Scores:
        """Return the squared Mahalanobis distance per dimension, mean over the layers; about 1 for samples."""
        # [n, num_ws, w_dim] @ [w_dim, w_dim]: unit variance in every direction for samples
        white = (gaussianize(ws) - self.gaussian_mean) @ self.whitening
        return white.square().mean(dim=(1, 2))

    def of(self, chosen: Int[Tensor, " chosen"]) -> "LatentPrior":
        return self


@dataclass(frozen=True)
class ClassPrior:
    """The distribution of each image's class."""

    gaussian_means: Float[Tensor, "batch w_dim"]
    whitenings: Float[Tensor, "batch w_dim w_dim"]

    @classmethod
    def joined(cls, priors: Sequence[LatentPrior]) -> "ClassPrior":
        """Return the priors of some images, one for each."""
        return cls(
            torch.stack([prior.gaussian_mean for prior in priors]),
            torch.stack([prior.whitening for prior in priors]),
        )

    def distance(self, ws: StyleCodes) -> Scores:
        """Return the squared Mahalanobis distance of each image's codes from its class; see `LatentPrior`."""
        white = (gaussianize(ws) - self.gaussian_means[:, None]) @ self.whitenings
        return white.square().mean(dim=(1, 2))

    def of(self, chosen: Int[Tensor, " chosen"]) -> "ClassPrior":
        return ClassPrior(self.gaussian_means[chosen], self.whitenings[chosen])


def gaussianize(w: Tensor) -> Tensor:
    """Invert the mapping's last leaky ReLU, up to its gain: slope 1/0.2 = 5 for negative numbers."""
    return F.leaky_relu(w, 1.0 / LEAK)


def latent_prior(generator: Generator, condition: int | None = None) -> LatentPrior:
    """Measure 10,000 mapped latents of a fixed seed; the smallest variances are raised to 1/1000 of the largest.

    The latents are of one class if there is a `condition`, otherwise of all classes.
    """
    rng = torch.Generator().manual_seed(STATISTICS_SEED)
    device = generator.device
    z = torch.randn(NUM_STATISTICS_SAMPLES, generator.config.z_dim, generator=rng)
    classes = None
    if condition is not None:
        classes = torch.full((len(z),), condition, device=device)
    with torch.no_grad():
        w = generator.mapping(z.to(device), classes)
    v = gaussianize(w)  # [10000, w_dim]
    # C = U diag(variances) U^T, in float64; whitening W = U diag(variances)^(-1/2), so that W^T C W = I
    variances, directions = torch.linalg.eigh(torch.cov(v.t().double()))
    floor = variances.max() * MIN_VARIANCE_SHARE
    whitening = directions * variances.clamp(min=float(floor)).rsqrt()
    return LatentPrior(w.mean(dim=0), w.std(dim=0), v.mean(dim=0), whitening.to(w.dtype))
