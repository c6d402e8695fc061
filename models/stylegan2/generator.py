"""The StyleGAN2 generator (arXiv 1912.04958): latents in, images and the feature maps behind every pixel out."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.arrays import FeatureMaps, Images, Latents, OtherMaps, StyleCodes, StyleVectors, Taps
from models.stylegan2.config import GeneratorConfig
from models.stylegan2.layers import EqualizedLinear, activate, channels_last, modulated_conv
from models.stylegan2.resampling import upsample

NoiseMode = Literal["const", "random", "none"]


@dataclass(frozen=True)
class Synthesis:
    """What one pass gives: images in [-1, 1] (not clipped), and the feature taps, lowest resolution first."""

    images: Images
    taps: Taps


class Mapping(nn.Module):
    """z to w: normalisation and a few dense layers, with the running mean of w that truncation needs."""

    w_mean: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths = [config.z_dim] + [config.w_dim] * config.num_mapping_layers
        self.layers = nn.ModuleList(
            EqualizedLinear(inputs, outputs, lr_multiplier=config.mapping_lr_multiplier)
            for inputs, outputs in pairwise(widths)
        )
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def forward(self, z: Latents) -> StyleVectors:  # normal latents => style vectors
        x = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = activate(layer(x))
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation; its output is one feature tap."""

    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, px: tuple[int, int], *, up: bool, config: GeneratorConfig
    ) -> None:
        super().__init__()
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.weight_gain = 1.0 / math.sqrt(inputs * 9)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(px))
        self.up = up
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors, noise: NoiseMode) -> OtherMaps:
        x = modulated_conv(x, self.weight * self.weight_gain, self.affine(w), up=self.up)
        if noise == "const":
            x = x + self.noise_const * self.noise_strength
        elif noise == "random":
            fresh = torch.randn(x.shape[0], 1, *x.shape[2:], dtype=x.dtype, device=x.device)
            x = x + fresh * self.noise_strength
        return activate(x + self.bias[:, None, None], self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to three channels, without demodulation (arXiv 1912.04958, figure 7)."""

    def __init__(self, inputs: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.style_gain = 1.0 / math.sqrt(inputs)
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors) -> Images:
        styles = self.affine(w) * self.style_gain
        rgb = modulated_conv(x, self.weight, styles, demodulate=False) + self.bias[:, None, None]
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


class SynthesisBlock(nn.Module):
    """One resolution: the constant or an upsampling convolution, a plain convolution, then its share of the image."""

    def __init__(self, block: int, config: GeneratorConfig) -> None:
        super().__init__()
        channels, px = config.channels[block], config.block_px(block)
        if block == 0:
            self.const = nn.Parameter(torch.randn(channels, *px))
        else:
            before = config.channels[block - 1]
            self.conv0 = SynthesisLayer(before, channels, px, up=True, config=config)
        self.conv1 = SynthesisLayer(channels, channels, px, up=False, config=config)
        self.to_rgb = ToRGB(channels, config)

    def forward(self, x: FeatureMaps | None, ws: StyleCodes, noise: NoiseMode) -> Taps:
        """The block's two feature taps, from the last tap of the block before (None for the first block)."""
        if x is None:
            first = self.const.expand(ws.shape[0], -1, -1, -1)
            return [first, self.conv1(first, ws[:, 0], noise)]
        first = self.conv0(x, ws[:, 0], noise)
        return [first, self.conv1(first, ws[:, 1], noise)]


class Generator(nn.Module):
    """A StyleGAN2 generator. `map` and `synthesize` are the two halves of its road from z to pixels."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.blocks = nn.ModuleList(SynthesisBlock(k, config) for k in range(config.num_blocks))

    def map(self, z: Latents, truncation: float = 1.0) -> StyleCodes:  # normal latents => W+ codes
        """Map z to w, pull it toward the mean by `truncation` (psi, 1 = none), repeat it for every layer."""
        w = self.mapping.w_mean.lerp(self.mapping(z), truncation)
        return w[:, None].expand(-1, self.config.num_ws, -1)

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        """Images [n, 3, h, w] and all feature taps of W+ codes [n, num_ws, w_dim].

        Code k feeds convolution k; a block's RGB output shares its code with the next block's first convolution.
        """
        taps: Taps = []
        images: Images | None = None
        for k, block in enumerate(self.blocks):
            assert isinstance(block, SynthesisBlock)
            first = max(2 * k - 1, 0)
            x = taps[-1] if taps else None
            taps += block(x, ws[:, first:], noise)
            rgb = block.to_rgb(taps[-1], ws[:, 2 * k + 1])
            images = rgb if images is None else upsample(images) + rgb
        assert images is not None
        return Synthesis(images, taps)

    def forward(self, z: Latents, truncation: float = 1.0, noise: NoiseMode = "const") -> Images:
        return self.synthesize(self.map(z, truncation), noise).images


def build_generator(config: dict[str, Any], tensors: dict[str, Tensor]) -> Generator:
    """A frozen generator in evaluation mode from its JSON and its tensors.

    Raises:
        RuntimeError: tensors are missing, left over or of another shape than the config says.
    """
    generator = Generator(GeneratorConfig.from_dict(config))
    generator.load_state_dict(tensors)
    return channels_last(generator).eval().requires_grad_(False)
