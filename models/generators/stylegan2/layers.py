"""The layers of StyleGAN2's networks: weights at equalised learning rate, modulated and demodulated convolutions.

Weights are stored at unit variance and scaled at run time (arXiv 1710.10196, section 4.1), so published checkpoints
fit as they are.
"""

import math
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import FeatureMaps, OtherMaps
from models.generators.stylegan2.resampling import blur

LEAK = 0.2
ACTIVATION_GAIN = math.sqrt(2.0)

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay out the convolution weights as NHWC, in place.

    On a CPU an inversion step is a quarter faster so, and training gains as well (benchmarks/LOG.md).
    """
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def activate(x: Tensor, clamp: float | None = None) -> Tensor:
    """Leaky ReLU that keeps the variance (gain sqrt 2)."""
    return leak(x * ACTIVATION_GAIN, clamp)


def leak(x: Tensor, clamp: float | None = None) -> Tensor:
    """Leaky ReLU alone, for an input that carries the gain already."""
    x = F.leaky_relu(x, LEAK)
    return x if clamp is None else x.clamp(-clamp, clamp)


def normal(*shape: int, spread: float = 1.0) -> Tensor:
    """Initial weights. On the meta device they stay undrawn: drawing there makes torch load SymPy, for seconds."""
    weights = torch.empty(shape)
    return weights if weights.is_meta else weights.normal_(std=spread)


class EqualizedLinear(nn.Module):
    """A dense layer at equalised learning rate; `lr_multiplier` slows it down further, as the mapping network asks."""

    def __init__(
        self, inputs: int, outputs: int, *, lr_multiplier: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, spread=1.0 / lr_multiplier))
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class EqualizedConv(nn.Module):
    """A convolution of the discriminator, optionally with low-pass filter and stride 2."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, down: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.gain = 1.0 / math.sqrt(inputs * kernel**2)
        self.down = down

    def forward(self, x: FeatureMaps) -> OtherMaps:
        padding = self.weight.shape[-1] // 2
        weight = self.weight * self.gain
        x = x.to(weight.dtype)
        if self.down:
            return F.conv2d(blur(x, padding=1 + padding), weight, self.bias, stride=2)
        return F.conv2d(x, weight, self.bias, padding=padding)


def modulated_conv(
    x: FeatureMaps,
    weight: Float[Tensor, "outputs channels kernel kernel"],
    styles: Float[Tensor, "batch channels"],
    *,
    offset: Float[Tensor, "*samples outputs #offset_height #offset_width"],
    gain: float = 1.0,
    up: bool = False,
) -> OtherMaps:
    """Convolve with weights that each sample's style scales (arXiv 1912.04958, section 2.2, equations 1 and 3).

    Scaling the input by the style and the output by the demodulation factor equals scaling the weights, and needs
    one shared convolution where the literal form needs one per sample. `gain` scales the result, `offset` is added;
    both ride on the demodulation, which spares four passes over the maps (1.17 times as fast at 64 px on a CPU).
    The maps take the weight's type, factors are made in that of the styles.
    """
    kind = weight.dtype
    x = x.to(kind) * styles.to(kind)[:, :, None, None]
    if up:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = blur(x, padding=1, gain=4.0)
    else:
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    power = styles.square() @ weight.to(styles.dtype).square().sum(dim=(2, 3)).t()
    factor = torch.rsqrt(power + 1e-8) * gain
    return torch.addcmul(offset.to(kind), x, factor.to(kind)[:, :, None, None])
