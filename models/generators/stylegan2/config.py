"""The configurations that rebuild a StyleGAN2 from its tensors: plain numbers, the JSON beside the weights."""

from dataclasses import dataclass
from typing import Any, Literal

from models.generators.generator import Layout
from models.json_config import JsonConfig

# How a block passes its result on (arXiv 1912.04958, figure 7): by an RGB image, by a shortcut, or by neither.
Architecture = Literal["skip", "resnet", "orig"]


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(JsonConfig):
    """The sizes of a StyleGAN2 generator (Karras et al., arXiv 1912.04958).

    The JSON beside the weights has these fields.
    """

    z_dim: int  # of the latent, 512 in published checkpoints
    w_dim: int  # of a style vector
    # One number per block, lowest resolution first. On a CPU use multiples of 16, the block size of oneDNN: 24 channels
    # at 64 px train a fifth slower than 16 (LOG.md, first section).
    channels: tuple[int, ...]
    # Height and width of the constant input. Every block after the first doubles both: (4, 2) gives tall images.
    base_px: tuple[int, int] = (4, 4)
    num_mapping_layers: int = 8  # 8 and 0.01 as in StyleGAN (arXiv 1812.04948)
    mapping_lr_multiplier: float = 0.01
    conv_clamp: float | None = (
        None  # bound of activations: 256 in half-precision checkpoints, None = free
    )
    # "skip": an RGB output in every block, summed. "resnet": a filtered 1x1 shortcut past each block, RGB in the last.
    # "orig": RGB in the last. Section 4.1 chooses the skip generator and the residual discriminator.
    architecture: Architecture = "skip"
    num_classes: int = 0  # 0 = unconditional
    image_channels: int = 3  # 1 = grey: one channel is rendered and repeated three times

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON without the default of `image_channels`: version 0.1.0 does not accept this field."""
        values = super().to_dict()
        if self.image_channels == 3:
            del values["image_channels"]
        return values

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
        # 1 convolution in the first block and 2 in each other: 2 blocks - 1, plus 1 for RGB. 18 at 1024 px.
        return 2 * self.num_blocks

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of each feature tap: the constant input, then every convolution in order."""
        # channels (c0, c1, ...) => (c0, c0, c1, c1, ...): two taps in every block
        first, *rest = self.channels
        return (first, first, *(channels for channels in rest for _ in range(2)))

    @property
    def tap_px(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each feature tap, in the order of `tap_channels`."""
        # (4, 4), (4, 4), (8, 8), (8, 8), ... for a base of 4 px
        return tuple(self.block_px(block) for block in range(self.num_blocks) for _ in range(2))

    @property
    def layout(self) -> Layout:
        """The sizes of the generator, as every family states them."""
        # Rendering needs the taps and intermediate maps of at most the same size: an image of 1024 px with taps of
        # 526 MB grew the process by 648 MB (LOG.md, "Labels at 1024 px").
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
        """Return height and width of a block's maps, lowest resolution first."""
        height, width = self.base_px
        return height << block, width << block


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig(JsonConfig):
    """The sizes of a discriminator. Fields with the generator's names have the same meaning."""

    channels: tuple[int, ...]  # lowest resolution first, as in the generator
    base_px: tuple[int, int] = (4, 4)
    minibatch_std_group: int = 4  # images per group; 4 and 1 channel as in StyleGAN2
    minibatch_std_channels: int = 1  # 0 = none
    architecture: Architecture = (
        "resnet"  # nearly every published one; "skip": each block reads the halved image
    )
    conv_clamp: float | None = None
    num_classes: int = 0
    # of the class mapping, without effect for 0 classes
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
