"""Network sizes for training: the configuration of a UNet2DModel for an image size."""

import math

import torch

from models.generators.diffusion.config import (
    PUBLISHED_NOISE_LEVELS,
    SAMPLING_STEPS,
    DiffusionConfig,
)

SMALL_CHANNELS: tuple[int, ...] = (24, 48, 72, 96)
"""From the highest resolution down. At 32 px 2.1 million parameters; a CPU core trains about 50 images a second."""

LARGE_CHANNELS: tuple[int, ...] = (64, 128, 192, 256, 256)
"""Likewise, for a GPU: 22 million parameters at 64 px. From 256 px on, a level of 32 channels precedes them."""

LARGE_FROM_PX = 128
WIDE_FROM_PX = 256
PUBLISHED_PX = 256
MIN_MAP_PX = 4
MAX_IMAGE_PX = 512


def default_config(
    image_px: tuple[int, int], image_channels: int = 3, *, large: bool | None = None
) -> DiffusionConfig:
    """Return the network for images of (height, width) px with 3 channels, or 1 for grey images.

    `large` selects the network for a GPU; None: from 128 px on.

    Raises:
        ValueError: the sides are not multiples of 4, or below 8 or above 512 px, or more than 4 times each other.
    """
    shorter, longer = min(image_px), max(image_px)
    if shorter % 4 or longer % 4 or shorter < 2 * MIN_MAP_PX or longer > MAX_IMAGE_PX:
        raise ValueError(
            f"expected a height and a width that are multiples of 4, from {2 * MIN_MAP_PX} to {MAX_IMAGE_PX} px,"
            f" got {image_px[0]}x{image_px[1]}; choose the nearest such size"
        )
    if longer > 4 * shorter:
        raise ValueError(
            f"expected sides of at most 4 times each other, got {image_px[0]}x{image_px[1]}; crop the images"
        )
    if large is None:
        large = longer >= LARGE_FROM_PX
    channels = SMALL_CHANNELS
    if large:
        channels = (32, *LARGE_CHANNELS) if longer >= WIDE_FROM_PX else LARGE_CHANNELS
    levels = _num_levels(image_px, len(channels), lowest_px=2 * MIN_MAP_PX if large else MIN_MAP_PX)
    # Attention costs the square of the pixels: at the lowest level, and up to 8 px (16 px on the large network).
    most = max(16 if large else 8, longer >> (levels - 1))
    attends = [longer >> level <= most for level in range(levels)]
    return DiffusionConfig(
        sampler="dpm++",
        sampling_steps=SAMPLING_STEPS,
        noise_levels=feature_noise_levels(longer),
        image_px=image_px,
        image_channels=image_channels,
        block_out_channels=channels[:levels],
        down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends),
        up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)),
        layers_per_block=2 if large else 1,
        norm_num_groups=32 if large else 8,
        attention_head_dim=32 if large else 24,
        # The prediction and the schedule of `training.py`.
        prediction_type="v_prediction",
        beta_schedule="squaredcos_cap_v2",
    )


def feature_noise_levels(px: int) -> tuple[int, ...]:
    """Return the timesteps of the cosine schedule at which features of images of `px` are read.

    The published levels are those of 256 px and a linear schedule. Averaging a map of twice the size doubles its
    signal-to-noise ratio twice, so images of half the size are as visible with a quarter of the noise (Hoogeboom et
    al., arXiv 2301.11093, equation 4). Measured at 32 px with 16 labels, on a network of 100 CPU seconds: 6, 34 and 68
    score 5.1, 5.2 and 5.4 points of held-out mIoU more than 50, 150 and 250 (3 draws, .496 and .443 on average).
    """
    linear = torch.linspace(0.0001, 0.02, 1000, dtype=torch.float64)  # of the published levels
    kept = torch.cumprod(1.0 - linear, dim=0)[list(PUBLISHED_NOISE_LEVELS)]
    ratios = kept / (1.0 - kept) * (PUBLISHED_PX / px) ** 2
    # cos^2 of the angle is the share of the signal; the schedule's offset 0.008 is in Nichol and Dhariwal, equation 17.
    angles = torch.acos((ratios / (1.0 + ratios)).sqrt()) / (math.pi / 2)
    return tuple(max(1, round(1000 * (1.008 * float(angle) - 0.008))) for angle in angles)


def _num_levels(image_px: tuple[int, int], most: int, *, lowest_px: int) -> int:
    """Return the number of levels; each halves the maps, down to `lowest_px` or more on the shorter side."""
    levels = 1
    while (
        levels < most
        and all(side % (1 << levels) == 0 for side in image_px)
        and min(image_px) >> levels >= lowest_px
    ):
        levels += 1
    return levels
