"""What the two players minimise: the non-saturating loss, the R1 penalty and the path-length regulariser."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images, StyleCodes
from models.generators.stylegan2.discriminator import Discriminator


def generator_loss(fake_logits: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Non-saturating generator loss, mean of -log sigmoid(D(G(z))) (Goodfellow et al., arXiv 1406.2661, section 3)."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(
    real_logits: Float[Tensor, " batch"], fake_logits: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Logistic discriminator loss of the same game."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(discriminator: Discriminator, reals: Images) -> Float[Tensor, ""]:
    """Mean squared gradient norm of D at real images (Mescheder et al., arXiv 1801.04406, eq. 9), without gamma/2."""
    reals = reals.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(reals).sum(), reals, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(images: Images, ws: StyleCodes) -> Float[Tensor, " batch"]:
    """Length of each sample's Jacobian-vector product J_w^T y (arXiv 1912.04958, equation 4), y normal noise.

    `ws` must be part of the graph that made `images`. The regulariser is their variance around the running mean.
    """
    noise = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
