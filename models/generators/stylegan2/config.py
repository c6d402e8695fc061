"""The configurations that rebuild a StyleGAN2 from its tensors: plain numbers, the JSON beside the weights."""

from dataclasses import dataclass
from typing import Literal

from models.generators.generator import Layout
from models.json_config import JsonConfig

# How a block passes its result on (arXiv 1912.04958, figure 7): by an RGB image, by a shortcut, or by neither.
Architecture = Literal["skip", "resnet", "orig"]


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(JsonConfig):
    """Shape of a StyleGAN2 generator (Karras et al., arXiv 1912.04958).

    `base_px` is the height and width of the constant input; every block after the first doubles both, so a
    base of (4, 2) gives images twice as high as wide. `channels` holds one number per block, lowest resolution first.
    `conv_clamp` bounds every activation (+-256 in published half-precision checkpoints), None leaves them free.
    `num_classes` is 0 for an unconditional generator. `architecture` is the paper's "skip" (an RGB output in
    every block, summed), "resnet" (a filtered 1x1 shortcut past each block, RGB in the last) or "orig" (RGB in the last
    alone).
    """

    z_dim: int
    w_dim: int
    channels: tuple[int, ...]
    base_px: tuple[int, int] = (4, 4)
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    conv_clamp: float | None = None
    architecture: Architecture = "skip"
    num_classes: int = 0

    @property
    def num_blocks(self) -> int:
        return len(self.channels)

    @property
    def image_px(self) -> tuple[int, int]:
        """Height and width of the generated images."""
        return self.block_px(self.num_blocks - 1)

    @property
    def num_ws(self) -> int:
        """Length of a W+ code: one w per convolution, and one for the last block's RGB output."""
        return 2 * self.num_blocks

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of each feature tap: the constant input, then every convolution in order."""
        first, *rest = self.channels
        return (first, first, *(channels for channels in rest for _ in range(2)))

    @property
    def tap_px(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each feature tap, in the order of `tap_channels`."""
        return tuple(self.block_px(block) for block in range(self.num_blocks) for _ in range(2))

    @property
    def layout(self) -> Layout:
        """The sizes of the generator, as every family states them.

        Making an image takes at most its taps, and intermediate maps of the same size (benchmarks/LOG.md).
        """
        channels, px = self.tap_channels, self.tap_px
        tap_bytes = 4 * sum(
            count * height * width for count, (height, width) in zip(channels, px, strict=True)
        )
        return Layout(
            image_px=self.image_px,
            num_classes=self.num_classes,
            tap_channels=channels,
            tap_px=px,
            synthesis_bytes=2 * tap_bytes,
        )

    def block_px(self, block: int) -> tuple[int, int]:
        height, width = self.base_px
        return height << block, width << block


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig(JsonConfig):
    """Shape of a discriminator. Fields named as the generator's mean the same.

    `architecture` is "resnet" in nearly every published checkpoint, "skip" (each block sees the halved image itself) or
    "orig". `minibatch_std_channels` is the number of standard-deviation channels, 0 for none. The mapping fields are
    those of the class mapping; they have no effect where `num_classes` is 0.
    """

    channels: tuple[int, ...]
    base_px: tuple[int, int] = (4, 4)
    minibatch_std_group: int = 4
    minibatch_std_channels: int = 1
    architecture: Architecture = "resnet"
    conv_clamp: float | None = None
    num_classes: int = 0
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
