"""The mapping networks of StyleGAN2: latents, and classes where there are any, to style vectors."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import Classes, Latents, StyleVectors
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.layers import EqualizedLinear, activate


class Mapping(nn.Module):
    """z to w: normalisation and a few dense layers, with the running mean of w that truncation needs.

    A class-conditional network sees the class's embedding beside z (StyleGAN2-ADA, arXiv 2006.06676, appendix F).
    """

    w_mean: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        conditional = config.num_classes > 0
        self.num_classes = config.num_classes
        self.embed = EqualizedLinear(config.num_classes, config.w_dim) if conditional else None
        inputs = config.z_dim + (config.w_dim if conditional else 0)
        self.layers = dense_layers(
            [inputs] + [config.w_dim] * config.num_mapping_layers, config.mapping_lr_multiplier
        )
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    # normal latents => style vectors
    def forward(self, z: Latents, classes: Classes | None = None) -> StyleVectors:
        """Without `classes` every latent of a conditional network takes a class of its own, see `own_classes`."""
        x = normalize(z)
        if self.embed is not None:
            if classes is None:
                classes = own_classes(z, self.num_classes)
            x = torch.cat([x, embedding(self.embed, classes, self.num_classes)], dim=1)
        elif classes is not None:
            raise ValueError("classes were given, but this generator was trained without classes")
        for layer in self.layers:
            x = activate(layer(x))
        return x


class ClassMapping(nn.Module):
    """Classes to the vectors that a conditional discriminator compares its images with."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        features = config.channels[0]
        self.num_classes = config.num_classes
        self.embed = EqualizedLinear(config.num_classes, features)
        self.layers = dense_layers(
            [features] * (config.num_mapping_layers + 1), config.mapping_lr_multiplier
        )

    def forward(self, classes: Classes) -> StyleVectors:
        x = embedding(self.embed, classes, self.num_classes)
        for layer in self.layers:
            x = activate(layer(x))
        return x


def dense_layers(widths: list[int], lr_multiplier: float) -> nn.ModuleList:
    """One dense layer from each width to the next."""
    return nn.ModuleList(
        EqualizedLinear(inputs, outputs, lr_multiplier=lr_multiplier)
        for inputs, outputs in pairwise(widths)
    )


def normalize(x: Tensor) -> Tensor:
    """Bring every row to a mean square of one (arXiv 1710.10196, section 4.2)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def embedding(embed: EqualizedLinear, classes: Classes, num_classes: int) -> Tensor:
    """The normalised embedding of each class index.

    Raises:
        ValueError: a class is not among 0 .. num_classes - 1.
    """
    if int(classes.min()) < 0 or int(classes.max()) >= num_classes:
        raise ValueError(
            f"classes run from 0 to {num_classes - 1}, got {classes.unique().tolist()[:10]}"
        )
    return normalize(embed(F.one_hot(classes.long(), num_classes).to(embed.weight.dtype)))


def own_classes(z: Latents, num_classes: int) -> Classes:
    """A class for every latent, evenly spread and a pure function of that latent alone.

    The fraction of 1024 z_0 is as good as uniform, says nothing about z_0's size, and is exact in float32 on every
    device, so a sample is the same whatever its batch.
    """
    fraction = (z[:, 0] * 1024.0).frac().abs()
    return (fraction * num_classes).long().clamp(max=num_classes - 1)
