"""The layers of StyleGAN2's networks: equalized learning rate, modulated and demodulated convolutions.

Weights are stored at unit variance and scaled at run time (progressive GAN, arXiv 1710.10196, section 4.1), as in
published checkpoints, which load without conversion of their values.
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
# A ReLU halves the mean square of a symmetric input (He et al., arXiv 1502.01852); the gain restores it, almost exactly
# for the leaky ReLU too (sqrt(2 / (1 + 0.2^2)) = 1.39).
ACTIVATION_GAIN = math.sqrt(2.0)

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay out the convolution weights as NHWC, in place; the values stay the same.

    Measured on one CPU thread: an inversion step takes 10.1 instead of 13.4 ms per image at batch 16, a training step
    makes 1.34 to 1.63 times the images per second (benchmarks/LOG.md, first section).
    """
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def activate(x: Tensor, clamp: float | None = None) -> Tensor:
    """Apply the leaky ReLU with gain sqrt(2)."""
    # leak(g x) = g leak(x) for g > 0: the gain may come first.
    return leak(x * ACTIVATION_GAIN, clamp)


def leak(x: Tensor, clamp: float | None = None) -> Tensor:
    """Apply the leaky ReLU to an input that is multiplied by the gain already; bound it to +-`clamp`."""
    x = F.leaky_relu(x, LEAK)
    return x if clamp is None else x.clamp(-clamp, clamp)


def normal(*shape: int, std: float = 1.0) -> Tensor:
    """Return normal initial weights; on the meta device, weights without values."""
    weights = torch.empty(shape)
    # Drawing on the meta device would make torch load SymPy, which takes seconds.
    return weights if weights.is_meta else weights.normal_(std=std)


class EqualizedLinear(nn.Module):
    """A dense layer with equalized learning rate, [n, inputs] => [n, outputs]; `lr_multiplier` scales it further."""

    def __init__(
        self, inputs: int, outputs: int, *, lr_multiplier: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, std=1.0 / lr_multiplier))
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))
        # 1 / sqrt(fan-in); `activate` has the factor sqrt(2). With a multiplier m the stored weights are 1 / m times
        # larger and the gain is m times smaller: a step of Adam, whose size is fixed, moves their product by m as much.
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class EqualizedConv(nn.Module):
    """A convolution with equalized learning rate; `down` adds a low-pass filter and a stride of 2."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, down: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.gain = 1.0 / math.sqrt(inputs * kernel**2)  # 1 / sqrt(fan-in)
        self.down = down

    def forward(self, x: FeatureMaps) -> OtherMaps:
        padding = self.weight.shape[-1] // 2
        weight = self.weight * self.gain
        x = x.to(weight.dtype)
        if self.down:
            # 3x3: [n, c, h, w] => blurred [n, c, h + 1, w + 1] => [n, outputs, h / 2, w / 2]
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
    """Return the modulated and demodulated convolution of `x`, times `gain`, plus `offset`.

    StyleGAN2 (arXiv 1912.04958), section 2.2. Maps have the weight's dtype; the factors are computed in that of the
    styles, so a bfloat16 layer still demodulates in float32.
    """
    dtype = weight.dtype
    # equation 1: w' = s_i w. A convolution is linear, so scaling the input channels is the same, and all samples share
    # one convolution instead of one with different weights for each: [n, c, h, w] x [n, c, 1, 1].
    x = x.to(dtype) * styles.to(dtype)[:, :, None, None]
    if up:
        # [n, c, h, w] => [n, outputs, 2h + 1, 2w + 1] => blurred [n, outputs, 2h, 2w]. Gain 4: `upsample` says why.
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = blur(x, padding=1, gain=4.0)
    else:
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    # equations 2 and 3: w'' = w' / sqrt(sum over i, k of w'^2 + eps), one factor for each output channel.
    # sum_i s_i^2 (sum_k w_ijk^2): [n, c] @ [c, outputs] => [n, outputs]
    power = styles.square() @ weight.to(styles.dtype).square().sum(dim=(2, 3)).t()
    factor = torch.rsqrt(power + 1e-8) * gain
    # Demodulation, gain, noise and bias in one pass over the maps instead of five: synthesis 1.18 times as fast at
    # 64 px on a CPU, an inversion step 1.08, a training step 1.05. `offset` must lie in memory as the maps do:
    # channels first it was slower than five passes, 0.88 (LOG.md, "A synthesis layer in fewer passes").
    return torch.addcmul(offset.to(dtype), x, factor.to(dtype)[:, :, None, None])
