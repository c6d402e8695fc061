"""The StyleGAN2 generator (arXiv 1912.04958): latents z to images, and to the feature maps of every layer.

Flow: z [n, z_dim] => mapping => w [n, w_dim] => one copy per layer, W+ [n, num_ws, w_dim] => synthesis, which doubles
the resolution in every block => images [n, 3, h, w], about [-1, 1], and two feature taps per block.
"""

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
    Shift,
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

# The sum of two branches has twice the variance of one (section 4.1).
RESIDUAL_GAIN = math.sqrt(0.5)
# The number of highest resolutions that published generators compute in half precision (their `num_fp16_res`). In
# bfloat16, four differ from float32 by 51.6 dB PSNR, all five of a 64 px generator by 51.3 dB (LOG.md, "bfloat16").
LOWERED_BLOCKS = 4


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation; its output is one feature tap."""

    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, px: tuple[int, int], *, up: bool, config: GeneratorConfig
    ) -> None:
        super().__init__()
        # A in figure 2: the learned affine map from w to one scale per input channel, at the start around 1
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(outputs, inputs, 3, 3))
        self.weight_gain = 1.0 / math.sqrt(inputs * 9)  # equalized learning rate: 1 / sqrt(fan-in)
        self.bias = nn.Parameter(torch.zeros(outputs))
        # One strength per layer, learned (B in figure 2); 0: layers without noise at the start.
        self.noise_strength = nn.Parameter(torch.zeros(()))
        # Fixed noise [h, w] for rendering and inversion: an image is a function of its code.
        self.register_buffer("noise_const", normal(*px))
        self.px = px
        self.up = up
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors, noise: NoiseMode) -> OtherMaps:
        # [1, 1, 1, c] + [1 or n, h, w, 1]: NHWC, as the maps lie in memory; `modulated_conv` says why.
        offset = self.bias[None, None, None]
        if noise == "const":
            offset = offset + (self.noise_const * self.noise_strength)[None, :, :, None]
        elif noise == "random":
            # new noise per image and pixel, one channel for all feature channels (figure 2)
            fresh = torch.randn(x.shape[0], *self.px, 1, dtype=x.dtype, device=x.device)
            offset = offset + fresh * self.noise_strength
        # The activation's gain is applied to both terms before the leaky ReLU, which is the same for a positive gain.
        offset = (offset * ACTIVATION_GAIN).permute(0, 3, 1, 2)
        weight = self.weight * self.weight_gain
        styles = self.affine(w)  # [n, w_dim] => [n, inputs]
        # [n, inputs, h, w] => [n, outputs, h, w], or twice h and w
        x = modulated_conv(x, weight, styles, offset=offset, gain=ACTIVATION_GAIN, up=self.up)
        return leak(x, self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to RGB ("tRGB" in figure 7): [n, inputs, h, w] => [n, image_channels, h, w].

    Without demodulation, as in the published code.
    """

    def __init__(self, inputs: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.affine = EqualizedLinear(config.w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(normal(config.image_channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.image_channels))
        self.style_gain = 1.0 / math.sqrt(inputs)
        self.clamp = config.conv_clamp

    def forward(self, x: FeatureMaps, w: StyleVectors) -> OtherMaps:
        # The weight's gain is applied to the styles: the smaller tensor. A batched matrix product in place of the
        # convolution was slower (LOG.md, "A synthesis layer in fewer passes").
        styles = self.affine(w) * self.style_gain
        # float32 also behind bfloat16 blocks: the images of all resolutions are summed.
        x = x.to(styles.dtype) * styles[:, :, None, None]
        rgb = F.conv2d(x, self.weight, self.bias)
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


class SynthesisBlock(nn.Module):
    """One resolution: the constant or an upsampling convolution, a plain convolution, then its part of the image."""

    def __init__(self, block: int, config: GeneratorConfig) -> None:
        super().__init__()
        channels, px = config.channels[block], config.block_px(block)
        # [n, before, h / 2, w / 2] => conv0 [n, c, h, w] => conv1 [n, c, h, w] => RGB [n, 3, h, w]
        before = config.channels[max(block - 1, 0)]
        residual = config.architecture == "resnet" and block > 0
        if block == 0:
            # the learned constant input [c, 4, 4] in place of a latent (StyleGAN, arXiv 1812.04948, section 2)
            self.const = nn.Parameter(normal(channels, *px))
        else:
            self.conv0 = SynthesisLayer(before, channels, px, up=True, config=config)
        self.conv1 = SynthesisLayer(channels, channels, px, up=False, config=config)
        self.skip = EqualizedConv(before, channels, 1, bias=False) if residual else None
        has_rgb = config.architecture == "skip" or block == config.num_blocks - 1
        self.to_rgb = ToRGB(channels, config) if has_rgb else None

    def forward(
        self, x: FeatureMaps | None, ws: StyleCodes, noise: NoiseMode
    ) -> tuple[OtherMaps, Taps]:
        """Return the input of the next block, and this block's two feature taps; x is None for the first block."""
        if x is None:
            # The constant is the first tap: the same for all samples.
            first = self.const.expand(ws.shape[0], -1, -1, -1)
            second = self.conv1(first, ws[:, 0], noise)
            return second, [first, second]
        first = self.conv0(x, ws[:, 0], noise)
        second = self.conv1(first, ws[:, 1], noise)
        if self.skip is None:
            return second, [first, second]
        # Residual architecture (figure 7c): the taps are those of the convolutions, before the sum.
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
        # Only weights are cast: `modulated_conv` and `EqualizedConv` cast their input to the weight's dtype.
        for block in self.blocks[-LOWERED_BLOCKS:]:
            for layer in block.children():
                if isinstance(layer, SynthesisLayer | EqualizedConv):
                    layer.weight.data = layer.weight.data.to(precision)
        return self

    def sample(
        self, draws: Draws, truncation: float = 1.0, condition: Classes | None = None
    ) -> StyleCodes:
        """Map one latent z per draw; see `map`. With a condition, truncation pulls toward the mean of the class.

        The mean over all classes is an image of no class. So this is the conditional truncation of Dobler et al.
        (arXiv 2202.11777). Without a condition it is that of the published code.
        """
        z = draws.normals(self.config.z_dim).to(self.device)
        if condition is None:
            return self.map(z, truncation)
        classes = condition.to(self.device)
        center = None if truncation == 1.0 else self.mapping.class_means(classes)
        return self.map(z, truncation, classes=classes, center=center)

    def vectors(self, codes: StyleCodes) -> StyleVectors:
        """Return w: `sample` repeats it for every layer."""
        return codes[:, 0]

    def shifted(self, codes: StyleCodes, shift: Shift) -> StyleCodes:
        """Add a direction in W to every layer's w."""
        return codes + shift.to(codes)

    # normal latents => W+ codes
    def map(
        self,
        z: Latents,
        truncation: float = 1.0,
        *,
        classes: Classes | None = None,
        cutoff: int | None = None,
        center: StyleVectors | None = None,
    ) -> StyleCodes:
        """Map z to w, pull it toward the mean by `truncation` (psi, 1 = none), repeat it for every layer.

        With a `cutoff` only the layers before it are truncated. `classes` are for class-conditional generators; where
        none are named, each z decides its own class. `center` replaces the mean of all samples.
        """
        # Truncation trick (StyleGAN, arXiv 1812.04948, appendix B): w' = mean + psi (w - mean)
        w = self.mapping(z, classes)
        # [n, w_dim] => [n, 1, w_dim] => [n, num_ws, w_dim]; `expand` copies nothing
        mean = self.mapping.w_mean if center is None else center
        ws = mean.lerp(w, truncation)[:, None].expand(-1, self.config.num_ws, -1)
        if cutoff is None:
            return ws
        # Fine layers stay untruncated: [n, cutoff, w_dim] and [n, num_ws - cutoff, w_dim]
        free = w[:, None].expand(-1, self.config.num_ws - cutoff, -1)
        return torch.cat([ws[:, :cutoff], free], dim=1)

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        """Return images [n, 3, h, w] and all feature taps of W+ codes [n, num_ws, w_dim].

        Code k feeds convolution k; a block's RGB output shares its code with the next block's first convolution.
        """
        taps: Taps = []
        x: FeatureMaps | None = None
        images: OtherMaps | None = None
        # Block 0 has one convolution: codes 0, and 1 for RGB. Block k has two: codes 2k - 1, 2k, and 2k + 1 for RGB.
        for k, block in enumerate(self.blocks):
            assert isinstance(block, SynthesisBlock)
            x, both = block(x, ws[:, max(2 * k - 1, 0) :], noise)
            taps += both
            if block.to_rgb is not None:
                rgb = block.to_rgb(x, ws[:, 2 * k + 1])
                # the skip architecture sums the RGB outputs of all resolutions (figure 7b)
                images = rgb if images is None else upsample(images) + rgb
        assert images is not None
        if self.config.image_channels == 1:  # [n, 1, h, w] => [n, 3, h, w], three equal channels
            images = images.repeat(1, 3, 1, 1)
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
