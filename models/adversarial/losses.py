"""The losses of both networks: non-saturating or relativistic, the gradient penalty, the path-length regularizer.

Logits are float32, one per image; every loss is a scalar mean over the batch.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images, StyleCodes
from models.generators.stylegan2.discriminator import Discriminator


def generator_loss(fake_logits: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return the mean of -log sigmoid(D(G(z))).

    The non-saturating loss (Goodfellow et al., arXiv 1406.2661, section 3).
    """
    # -log sigmoid(x) = softplus(-x), which does not overflow
    return F.softplus(-fake_logits).mean()


def discriminator_loss(
    real_logits: Float[Tensor, " batch"], fake_logits: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Return the mean of -log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))), the logistic loss of the same paper."""
    # -log(1 - sigmoid(x)) = softplus(x)
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def relativistic_generator_loss(
    real_logits: Float[Tensor, " batch"], fake_logits: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Return the mean of -log sigmoid(D(G(z_i)) - D(x_i)) over the pairs i of the batch.

    The relativistic pairing loss with f = softplus (R3GAN, Huang et al., arXiv 2501.05441, section 2).
    """
    return F.softplus(real_logits - fake_logits).mean()


def relativistic_discriminator_loss(
    real_logits: Float[Tensor, " batch"], fake_logits: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Return the mean of -log sigmoid(D(x_i) - D(G(z_i))), the same loss with the roles exchanged."""
    return F.softplus(fake_logits - real_logits).mean()


def hinge_generator_loss(fake_logits: Float[Tensor, "batch positions"]) -> Float[Tensor, ""]:
    """Return the mean of -D(G(z)) over the logits of all positions.

    The hinge loss (Lim and Ye, arXiv 1705.02894), as projected GAN uses it (arXiv 2111.01007, section 4).
    """
    return -fake_logits.mean()


def hinge_discriminator_loss(
    real_logits: Float[Tensor, "batch positions"], fake_logits: Float[Tensor, "batch positions"]
) -> Float[Tensor, ""]:
    """Return the mean of max(0, 1 - D(x)) + max(0, 1 + D(G(z))), of the same paper."""
    return F.relu(1.0 - real_logits).mean() + F.relu(1.0 + fake_logits).mean()


def gradient_penalty(discriminator: Discriminator, images: Images) -> Float[Tensor, ""]:
    """Return the mean of |grad_x D(x)|^2 over the images, without the factor gamma / 2.

    R1 on real images and R2 on generated ones (Mescheder et al., arXiv 1801.04406, equation 9). Differentiable in the
    discriminator's weights.
    """
    images = images.detach().requires_grad_(True)
    # The sum over the batch gives each image its own gradient: D(x_i) depends on x_i, and on the other images only
    # through the minibatch std. `create_graph`: the penalty is differentiated again, by the weights.
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()  # [n, 3, h, w] => [n] => []


def path_lengths(images: Images, ws: StyleCodes) -> Float[Tensor, " batch"]:
    """Return the length |J_w^T y| of each sample, y normal noise (StyleGAN2, arXiv 1912.04958, equation 4).

    `ws` must be part of the graph that produced `images`. The regularizer is the mean squared difference of the
    lengths to their running mean, the constant a of the equation.
    """
    # J_w^T y = grad_w (G(w) . y): one backward pass instead of the whole Jacobian (StyleGAN2, section 3.2).
    # Divided by sqrt(h w), so that lengths do not grow with the resolution.
    noise = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    # [n, num_ws, w_dim]: squared length of each layer's gradient, mean over the layers => [n]
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
