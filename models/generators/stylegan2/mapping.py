"""The mapping networks of StyleGAN2: latents z, and classes of a conditional network, to style vectors w."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import Classes, Latents, StyleVectors
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.layers import EqualizedLinear, activate

# The latents behind the mean of one class: its error is 2% of a standard deviation of w.
CLASS_MEAN_SAMPLES = 2_048
CLASS_MEAN_SEED = 0


class Mapping(nn.Module):
    """z to w: normalization and dense layers. `w_mean` is the running mean of w, which truncation needs.

    The input of a class-conditional network is z and an embedding of the class, as in the StyleGAN2-ADA code.
    """

    w_mean: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        conditional = config.num_classes > 0
        self.num_classes, self.z_dim = config.num_classes, config.z_dim
        self._class_means: dict[int, Tensor] = {}
        self.embed = EqualizedLinear(config.num_classes, config.w_dim) if conditional else None
        # [n, z_dim + w_dim] => [n, w_dim] => ... => [n, w_dim]; the default of 0.01 for the multiplier is StyleGAN's
        inputs = config.z_dim + (config.w_dim if conditional else 0)
        self.layers = dense_layers(
            [inputs] + [config.w_dim] * config.num_mapping_layers, config.mapping_lr_multiplier
        )
        # a moving average during training; published checkpoints name it `w_avg`
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    # normal latents => style vectors
    def forward(self, z: Latents, classes: Classes | None = None) -> StyleVectors:
        """Return w [n, w_dim]. Without `classes` a conditional network derives them from the latents.

        Raises:
            ValueError: classes for a generator without classes, or a class out of range.
        """
        x = normalize(z)  # only the direction of z counts
        if self.embed is not None:
            if classes is None:
                classes = classes_of_latents(z, self.num_classes)
            # z and the class are both normalized, so neither dominates
            x = torch.cat([x, embedding(self.embed, classes, self.num_classes)], dim=1)
        elif classes is not None:
            raise ValueError(
                "expected no classes, because this generator is unconditional; leave them out"
            )
        # Every layer ends with the leaky ReLU, the last one too: the prior of inversion inverts it (`prior.py`).
        for layer in self.layers:
            x = activate(layer(x))
        return x

    # classes => mean style vectors
    def class_means(self, classes: Classes) -> StyleVectors:
        """Return the mean of w of each class, [n] => [n, w_dim], measured on 2,048 latents of a fixed seed.

        Raises:
            ValueError: classes for a generator without classes, or a class out of range.
        """
        return torch.stack([self._class_mean(one) for one in classes.tolist()]).to(self.w_mean)

    def _class_mean(self, number: int) -> Tensor:
        if number in self._class_means:
            return self._class_means[number]
        rng = torch.Generator().manual_seed(CLASS_MEAN_SEED)
        z = torch.randn(CLASS_MEAN_SAMPLES, self.z_dim, generator=rng).to(self.w_mean)
        with torch.no_grad():
            w = self(z, torch.full((len(z),), number, device=z.device))
        mean: Tensor = w.mean(dim=0)
        # Kept for frozen networks only: training changes the weights.
        if not any(weight.requires_grad for weight in self.parameters()):
            self._class_means[number] = mean
        return mean


class ClassMapping(nn.Module):
    """Classes to the vectors with which a conditional discriminator multiplies its output."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        features = config.channels[0]  # as many as the discriminator's last hidden layer
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
    """Return one dense layer from each width to the next."""
    return nn.ModuleList(
        EqualizedLinear(inputs, outputs, lr_multiplier=lr_multiplier)
        for inputs, outputs in pairwise(widths)
    )


def normalize(x: Tensor) -> Tensor:
    """Scale every row [n, features] to a mean square of 1 (arXiv 1710.10196, section 4.2)."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def embedding(embed: EqualizedLinear, classes: Classes, num_classes: int) -> Tensor:
    """Return the normalized embedding of each class, [n] => [n, features].

    Raises:
        ValueError: a class is not in 0 .. num_classes - 1.
    """
    if int(classes.min()) < 0 or int(classes.max()) >= num_classes:
        raise ValueError(
            f"expected classes from 0 to {num_classes - 1}, got {classes.unique().tolist()[:10]}"
        )
    # one-hot [n, num_classes] times weights: the row of the class, with the learning rate of other layers
    return normalize(embed(F.one_hot(classes.long(), num_classes).to(embed.weight.dtype)))


def classes_of_latents(z: Latents, num_classes: int) -> Classes:
    """Return a class for every latent: uniform, and a pure function of that latent, so independent of its batch."""
    # The fraction of 1024 z_0: z_0 spreads over thousands of intervals of length 1/1024, so its position inside one is
    # uniform for all purposes and independent of the size of z_0. A product with a power of two is exact in float32,
    # so every device computes the same class.
    fraction = (z[:, 0] * 1024.0).frac().abs()
    return (fraction * num_classes).long().clamp(max=num_classes - 1)
