"""The configuration that rebuilds a diffusion generator from its tensors: plain numbers, the JSON beside the weights.

The fields of the network and of the noise schedule have the names of diffusers' UNet2DModel and DDIMScheduler.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.generators.generator import Layout
from models.json_config import JsonConfig

PUBLISHED_NOISE_LEVELS = (50, 150, 250)
"""Of 1,000 training steps: Baranchuk et al. read features at these (ICLR 2022, section 4)."""

SAMPLING_STEPS = 12
"""The passes of DPM-Solver++ for a sample. 10 to 20 make equally good ones (LOG.md, "A better sampler")."""
DDIM_STEPS = 20

NETWORK_FIELDS = (
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "time_embedding_dim",
    "freq_shift",
    "flip_sin_to_cos",
    "mid_block_scale_factor",
    "downsample_padding",
    "downsample_type",
    "upsample_type",
    "act_fn",
    "attention_head_dim",
    "norm_num_groups",
    "attn_norm_num_groups",
    "norm_eps",
    "resnet_time_scale_shift",
    "add_attention",
)
"""The fields that UNet2DModel receives under the same name."""

SAMPLERS = ("ddim", "dpm++")
"""DDIM (Song et al., arXiv 2010.02502) in even training steps, of generators made before there was another one, whose
samples must stay; and DPM-Solver++(2M), see `solver.py`."""

NEWER_FIELDS: Mapping[str, Any] = {
    "attention_heads": None,
    "timestep_scale": 1.0,
    "image_channels": 3,
    "sampler": "ddim",
}
"""Fields that configurations may lack, and their defaults. Networks of guided-diffusion, grey networks and new ones
have other values."""


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(JsonConfig):
    """A UNet2DModel in pixel space with its noise schedule, and how HandsOff samples it and reads its features."""

    image_px: tuple[int, int]
    # One entry per block, highest resolution first, as diffusers states them; `up_block_types` from the lowest up.
    block_out_channels: tuple[int, ...]
    down_block_types: tuple[str, ...]
    up_block_types: tuple[str, ...]
    # The defaults are those of diffusers.
    layers_per_block: int = 2
    time_embedding_dim: int | None = None
    freq_shift: int = 0
    flip_sin_to_cos: bool = True
    mid_block_scale_factor: float = 1.0
    downsample_padding: int = 1
    downsample_type: str = "conv"
    upsample_type: str = "conv"
    act_fn: str = "silu"
    attention_head_dim: int | None = 8
    # The heads of every attention layer, instead of `attention_head_dim`; UNet2DModel has no argument for it.
    attention_heads: int | None = None
    timestep_scale: float = 1.0  # of the step that the network is given
    norm_num_groups: int = 32
    attn_norm_num_groups: int | None = None
    norm_eps: float = 1e-5
    resnet_time_scale_shift: str = "default"
    add_attention: bool = True
    num_classes: int = 0  # 0 = unconditional
    # 1: the network has one channel, and images are grey. Codes keep three equal channels.
    image_channels: int = 3
    # The noise schedule of the training.
    num_train_timesteps: int = 1000
    beta_start: float = 0.0001
    beta_end: float = 0.02
    beta_schedule: str = "linear"
    prediction_type: str = "epsilon"
    clip_sample_range: float | None = 1.0  # bound of the predicted clean image, None = free
    # HandsOff's own: the sampler, its steps, and the training steps whose noise the features are read at.
    sampler: str = "ddim"
    sampling_steps: int = DDIM_STEPS
    noise_levels: tuple[int, ...] = PUBLISHED_NOISE_LEVELS

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON without the defaults of `NEWER_FIELDS`, which version 0.1.0 does not accept."""
        values = super().to_dict()
        newer = {name: values.pop(name) for name in NEWER_FIELDS}
        return values | {
            name: value for name, value in newer.items() if value != NEWER_FIELDS[name]
        }

    @property
    def layout(self) -> Layout:
        """The sizes of the generator: one tap per decoder block and noise level, lowest resolution first."""
        channels, px = self._decoder()
        levels = len(self.noise_levels)
        tap_channels = tuple(count for count in channels for _ in range(levels))
        tap_px = tuple(size for size in px for _ in range(levels))
        height, width = self.image_px
        tap_bytes = 4 * sum(c * h * w for c, (h, w) in zip(tap_channels, tap_px, strict=True))
        return Layout(
            image_px=self.image_px,
            num_classes=self.num_classes,
            tap_channels=tap_channels,
            tap_px=tap_px,
            synthesis_bytes=tap_bytes + self.pass_bytes + 4 * 12 * height * width,
        )

    def network_arguments(self) -> dict[str, Any]:
        """Return the arguments of UNet2DModel."""
        return {
            **{name: getattr(self, name) for name in NETWORK_FIELDS},
            "sample_size": self.image_px,
            "in_channels": self.image_channels,
            "out_channels": self.image_channels,
            "num_class_embeds": self.num_classes or None,
        }

    def _decoder(self) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """Return channels and (height, width) of each decoder block's output; all but the last block double both."""
        height, width = self.image_px
        last = len(self.block_out_channels) - 1
        halvings = [max(last - 1 - block, 0) for block in range(last + 1)]
        return (
            self.block_out_channels[::-1],
            tuple((height >> count, width >> count) for count in halvings),
        )

    @property
    def pass_bytes(self) -> int:
        """The memory of one pass over one image, in float32.

        The encoder's maps wait for the decoder, which works on the widest. An estimate from the sizes: per block the
        skip connections, and one block's working maps.
        """
        height, width = self.image_px
        maps = [
            channels * (height >> block) * (width >> block)
            for block, channels in enumerate(self.block_out_channels)
        ]
        # 2 inputs that are joined, normalized and convolved: about 8 maps of the block at once
        return 4 * ((self.layers_per_block + 2) * sum(maps) + 8 * max(maps))


def noise_levels(num_train_timesteps: int) -> tuple[int, ...]:
    """Return the published noise levels, scaled to the training's number of steps."""
    return tuple(level * num_train_timesteps // 1000 for level in PUBLISHED_NOISE_LEVELS)
