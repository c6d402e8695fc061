"""The StyleGAN2 generator (arXiv 1912.04958): latents in, images and the feature maps behind every pixel out."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.arrays import (
    Classes,
    FeatureMaps,
    Images,
    Latents,
    OtherMaps,
    StyleCodes,
    StyleVectors,
    Taps,
)
from models.generators.generator import Layout, Synthesis
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.layers import (
    ACTIVATION_GAIN,
    EqualizedConv,
    EqualizedLinear,
    channels_last,
    leak,
    modulated_conv,
    normal,
)
from models.generators.stylegan2.mapping import Mapping
from models.generators.stylegan2.resampling import upsample
from models.sampling import Draws

NoiseMode = Literal["const", "random", "none"]

RESIDUAL_GAIN = math.sqrt(0.5)
LOWERED_BLOCKS = 4
"""The number of highest resolutions that published generators compute in half precision (their `num_fp16_res`)."""


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation; its output is one feature tap."""

    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, px: tuple[int, int], *, up: bool, config: GeneratorConfig
    ) -> None:
        super().__init__()
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(outputs, inputs, 3, 3))
        self.weight_gain = 1.0 / math.sqrt(inputs * 9)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", normal(*px))
        self.px = px
        self.up = up
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors, noise: NoiseMode) -> OtherMaps:
        offset = self.bias[None, None, None]  # NHWC, as the maps lie in memory
        if noise == "const":
            offset = offset + (self.noise_const * self.noise_strength)[None, :, :, None]
        elif noise == "random":
            fresh = torch.randn(x.shape[0], *self.px, 1, dtype=x.dtype, device=x.device)
            offset = offset + fresh * self.noise_strength
        offset = (offset * ACTIVATION_GAIN).permute(0, 3, 1, 2)
        weight = self.weight * self.weight_gain
        styles = self.affine(w)
        x = modulated_conv(x, weight, styles, offset=offset, gain=ACTIVATION_GAIN, up=self.up)
        return leak(x, self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to three channels, without demodulation (arXiv 1912.04958, figure 7)."""

    def __init__(self, inputs: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.style_gain = 1.0 / math.sqrt(inputs)
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors) -> Images:
        styles = self.affine(w) * self.style_gain
        x = x.to(styles.dtype) * styles[:, :, None, None]
        rgb = F.conv2d(x, self.weight, self.bias)
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


class SynthesisBlock(nn.Module):
    """One resolution: the constant or an upsampling convolution, a plain convolution, then its part of the image."""

    def __init__(self, block: int, config: GeneratorConfig) -> None:
        super().__init__()
        channels, px = config.channels[block], config.block_px(block)
        before = config.channels[max(block - 1, 0)]
        residual = config.architecture == "resnet" and block > 0
        if block == 0:
            self.const = nn.Parameter(normal(channels, *px))
        else:
            self.conv0 = SynthesisLayer(before, channels, px, up=True, config=config)
        self.conv1 = SynthesisLayer(channels, channels, px, up=False, config=config)
        self.skip = EqualizedConv(before, channels, 1, bias=False) if residual else None
        paints = config.architecture == "skip" or block == config.num_blocks - 1
        self.to_rgb = ToRGB(channels, config) if paints else None

    def forward(
        self, x: FeatureMaps | None, ws: StyleCodes, noise: NoiseMode
    ) -> tuple[OtherMaps, Taps]:
        """Return the input of the next block, and this block's two feature taps; x is None for the first block."""
        if x is None:
            first = self.const.expand(ws.shape[0], -1, -1, -1)
            second = self.conv1(first, ws[:, 0], noise)
            return second, [first, second]
        first = self.conv0(x, ws[:, 0], noise)
        second = self.conv1(first, ws[:, 1], noise)
        if self.skip is None:
            return second, [first, second]
        second = second * RESIDUAL_GAIN
        return upsample(self.skip(x)) * RESIDUAL_GAIN + second, [first, second]


class Generator(nn.Module):
    """A StyleGAN2 generator (the protocol of `models/generators/generator.py`); its codes are W+ [n, num_ws, w_dim].

    `map` (z to W+) and `synthesize` (W+ to pixels) are its two halves.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.layout: Layout = config.layout
        self.mapping = Mapping(config)
        self.blocks = nn.ModuleList(SynthesisBlock(k, config) for k in range(config.num_blocks))

    @property
    def device(self) -> torch.device:
        return self.mapping.w_mean.device

    @property
    def precision(self) -> torch.dtype:
        """The type in which the highest feature maps are computed."""
        highest = self.blocks[-1]
        assert isinstance(highest, SynthesisBlock)
        return highest.conv1.weight.dtype

    def lower_precision(self, precision: torch.dtype) -> "Generator":
        """Compute the highest feature maps in another precision; changes the network in place.

        A convolution computes in the type of its weights. Styles, noise and the sum of the images keep their type.
        bfloat16 has the range of float32: unlike the float16 of published generators it needs neither clamps nor scaled
        weights.
        """
        for block in self.blocks[-LOWERED_BLOCKS:]:
            for layer in block.children():
                if isinstance(layer, SynthesisLayer | EqualizedConv):
                    layer.weight.data = layer.weight.data.to(precision)
        return self

    def sample(
        self, draws: Draws, truncation: float = 1.0, condition: Classes | None = None
    ) -> StyleCodes:
        """Map one latent z per draw; see `map`."""
        z = draws.normals(self.config.z_dim).to(self.device)
        return self.map(z, truncation, classes=condition)

    # normal latents => W+ codes
    def map(
        self,
        z: Latents,
        truncation: float = 1.0,
        *,
        classes: Classes | None = None,
        cutoff: int | None = None,
    ) -> StyleCodes:
        """Map z to w, pull it toward the mean by `truncation` (psi, 1 = none), repeat it for every layer.

        With a `cutoff` only the layers before it are truncated. `classes` are for class-conditional generators; where
        none are named, each z decides its own class.
        """
        w = self.mapping(z, classes)
        ws = self.mapping.w_mean.lerp(w, truncation)[:, None].expand(-1, self.config.num_ws, -1)
        if cutoff is None:
            return ws
        free = w[:, None].expand(-1, self.config.num_ws - cutoff, -1)
        return torch.cat([ws[:, :cutoff], free], dim=1)

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        """Return images [n, 3, h, w] and all feature taps of W+ codes [n, num_ws, w_dim].

        Code k feeds convolution k; a block's RGB output shares its code with the next block's first convolution.
        """
        taps: Taps = []
        x: FeatureMaps | None = None
        images: Images | None = None
        for k, block in enumerate(self.blocks):
            assert isinstance(block, SynthesisBlock)
            x, both = block(x, ws[:, max(2 * k - 1, 0) :], noise)
            taps += both
            if block.to_rgb is not None:
                rgb = block.to_rgb(x, ws[:, 2 * k + 1])
                images = rgb if images is None else upsample(images) + rgb
        assert images is not None
        return Synthesis(images, taps)

    def forward(self, z: Latents, truncation: float = 1.0, noise: NoiseMode = "const") -> Images:
        return self.synthesize(self.map(z, truncation), noise).images


def build_generator(config: dict[str, Any], tensors: dict[str, Tensor]) -> Generator:
    """Return a frozen generator in evaluation mode from its JSON and its tensors.

    Raises:
        RuntimeError: tensors are missing, left over or of another shape than the config says.
    """
    generator = Generator(GeneratorConfig.from_dict(config))
    generator.load_state_dict(tensors)
    return channels_last(generator).eval().requires_grad_(False)
