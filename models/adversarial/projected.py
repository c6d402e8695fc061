"""A discriminator on the frozen features of a pretrained network (projected GAN, arXiv 2111.01007).

Images pass through SqueezeNet, whose weights the operator supplies; fixed random layers mix its features across
channels and scales; one small discriminator judges each scale. Only these are trained. No gain was measured so far: one
very short run, 40 processor seconds at 32 px (LOG.md, "Recipes at equal processor time").
"""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from models.arrays import Images, Taps
from models.generators.stylegan2.layers import LEAK
from models.inversion.squeezenet import TAP_CHANNELS, SqueezeNet
from models.parallel import average

# One tap per size, the last of it: the first convolution, and fire modules 4, 7 and 12.
# For images of 64 px: 31, 15, 7 and 3 px.
TAPS = (0, 1, 2, 6)
# The paper mixes to as many channels as the tap has. Narrower maps and heads than 32 to 128 and 64 take 8.0 instead
# of 10.7 ms per image and step, on one CPU thread at 64 px.
MIXED_CHANNELS = (16, 32, 64, 64)
HEAD_CHANNELS = 32
HEAD_PX = 4  # a head halves its maps until they are at most this large
# Smaller images are enlarged: SqueezeNet halves them four times and was trained at 227 px. The paper enlarges to 256.
LEAST_PX = 64


class FeatureMixing(nn.Module):
    """Random projections that are never trained: 1x1 across channels, then from small to large scales (section 3.2).

    They spread what a discriminator sees over all features: without them it attends to a part of them. Departures from
    the paper, not measured alone: every tap has a fixed factor, and sums of two scales are divided by the root of 2.
    """

    gains: Tensor

    def __init__(self) -> None:
        super().__init__()
        chosen = [TAP_CHANNELS[k] for k in TAPS]
        # CCM, a 1x1 convolution for each scale
        self.across_channels = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1, bias=False)
            for inputs, outputs in zip(chosen, MIXED_CHANNELS, strict=True)
        )
        # CSM, a 3x3 convolution from each scale to the next larger one
        self.across_scales = nn.ModuleList(
            nn.Conv2d(smaller, larger, 3, padding=1, bias=False)
            for larger, smaller in pairwise(MIXED_CHANNELS)
        )
        for convolution in self.modules():
            if isinstance(convolution, nn.Conv2d):
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
        self.requires_grad_(False)
        # One factor per scale, 0 until `calibrate`: the features of some weights have mean squares above 1e4.
        self.register_buffer("gains", torch.zeros(len(TAPS)))

    def calibrate(self, taps: Taps) -> None:
        """Fix the factors at which these taps have a mean square of 1; averaged over all processes."""
        squares = torch.stack([taps[k].square().mean() for k in TAPS])
        self.gains.copy_(torch.rsqrt(average(squares) + 1e-8))

    def forward(self, taps: Taps) -> Taps:
        """Return one map per scale, largest first."""
        mixed = [
            mix(taps[k] * gain)
            for mix, k, gain in zip(self.across_channels, TAPS, self.gains, strict=True)
        ]
        # From the smallest map on: x_l = CCM(f_l) + up(conv(x_(l+1))). The root keeps the mean square near 1.
        for k in reversed(range(len(mixed) - 1)):
            smaller = self.across_scales[k](mixed[k + 1])
            enlarged = F.interpolate(smaller, mixed[k].shape[2:], mode="bilinear")
            mixed[k] = (mixed[k] + enlarged) * math.sqrt(0.5)
        return mixed


class ProjectedDiscriminator(nn.Module):
    """One head per scale: 4x4 convolutions with stride 2 for large maps, then a logit at every position."""

    def __init__(self, image_px: tuple[int, int]) -> None:
        super().__init__()
        self.mixing = FeatureMixing()
        sizes = tap_px(enlarged_px(image_px))
        self.heads = nn.ModuleList(
            _head(channels, sizes[k]) for k, channels in zip(TAPS, MIXED_CHANNELS, strict=True)
        )

    @property
    def is_calibrated(self) -> bool:
        return bool(self.mixing.gains.all())

    def forward(self, taps: Taps) -> Float[Tensor, "batch positions"]:
        """Return the logits of all scales and positions. Needs `mixing.calibrate` on real images first."""
        maps = self.mixing(taps)
        return torch.cat(
            [head(each).flatten(1) for head, each in zip(self.heads, maps, strict=True)], dim=1
        )


def _head(channels: int, px: tuple[int, int]) -> nn.Sequential:
    # Spectral normalization bounds the slope of every layer (arXiv 1802.05957): the paper has no gradient penalty.
    layers: list[nn.Module] = []
    size, inputs = min(px), channels
    while size > HEAD_PX:
        layers += [spectral_norm(nn.Conv2d(inputs, HEAD_CHANNELS, 4, stride=2, padding=1))]
        layers += [nn.LeakyReLU(LEAK)]
        size, inputs = size // 2, HEAD_CHANNELS
    layers += [spectral_norm(nn.Conv2d(inputs, HEAD_CHANNELS, 3, padding=1)), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, 1)))


def enlarged_px(image_px: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which images enter SqueezeNet: a whole multiple, with a shorter side of at least 64 px."""
    factor = max(1, -(-LEAST_PX // min(image_px)))
    return image_px[0] * factor, image_px[1] * factor


def project(network: SqueezeNet, images: Images) -> Taps:
    """Return SqueezeNet's features of the enlarged images. Differentiable with respect to the images."""
    height, width = images.shape[2:]
    size = enlarged_px((height, width))
    if size != (height, width):
        images = F.interpolate(images, size, mode="bilinear")
    taps: Taps = network(images)
    return taps


def tap_px(px: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes of SqueezeNet's seven taps for images of `px`."""
    # A convolution and three poolings of 3 x 3 with stride 2 and without padding; poolings round up.
    first = [(side - 3) // 2 + 1 for side in px]
    sizes = [first]
    for _ in range(3):
        sizes.append([-(-(side - 3) // 2) + 1 for side in sizes[-1]])
    return [(sizes[k][0], sizes[k][1]) for k in (0, 1, 2, 3, 3, 3, 3)]
