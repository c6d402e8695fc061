"""What a generator's manifest says of its network, read from its configuration alone: sizes and feature taps."""

from typing import Any

from contracts.generators import Tap
from models.generators.stylegan2.config import GeneratorConfig


def describe(config: GeneratorConfig) -> dict[str, Any]:
    """The fields of a `StoredGenerator` that its configuration decides."""
    height_px, width_px = config.image_px
    taps = tuple(
        Tap(channels=channels, height_px=height, width_px=width)
        for channels, (height, width) in zip(config.tap_channels, config.tap_px, strict=True)
    )
    return {
        "architecture": f"stylegan2-{config.architecture}",
        "height_px": height_px,
        "width_px": width_px,
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": config.num_ws,
        "num_classes": config.num_classes,
        "taps": taps,
    }
