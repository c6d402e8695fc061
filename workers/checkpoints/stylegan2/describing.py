"""Describe a checkpoint in plain values: the output of `inspect`."""

from typing import Any

from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from workers.checkpoints.checkpoint import Checkpoint, NetworkWeights


def description(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return plain values for JSON. Taps are in the order of the hypercolumns' channels."""
    config = GeneratorConfig.from_dict(checkpoint.generator.config)
    height_px, width_px = config.image_px
    return {
        "format": checkpoint.format,
        "network": "stylegan2",
        "architecture": config.architecture,
        "resolution": {"height_px": height_px, "width_px": width_px},
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": config.num_ws,
        "num_classes": config.num_classes,
        "num_mapping_layers": config.num_mapping_layers,
        "conv_clamp": config.conv_clamp,
        "channels": config.channels,
        "parameters": _parameters(checkpoint.generator),
        "taps": _taps(config),
        "discriminator": _discriminator(checkpoint.discriminator),
        "inverter": _inverter(checkpoint.inverter),
        "missing": checkpoint.missing,
        "warnings": checkpoint.warnings,
    }


def _taps(config: GeneratorConfig) -> list[dict[str, Any]]:
    """Describe the taps by the names in the published code: the block (size of a square map), then the layer."""
    firsts = ["const"] + ["conv0"] * (config.num_blocks - 1)
    names = [f"b{4 << k}.{layer}" for k, first in enumerate(firsts) for layer in (first, "conv1")]
    return [
        {"name": name, "channels": channels, "height_px": height, "width_px": width}
        for name, channels, (height, width) in zip(
            names, config.tap_channels, config.tap_px, strict=True
        )
    ]


def _discriminator(weights: NetworkWeights | None) -> dict[str, Any] | None:
    if weights is None:
        return None
    config = DiscriminatorConfig.from_dict(weights.config)
    return {
        "architecture": config.architecture,
        "channels": config.channels,
        "num_classes": config.num_classes,
        "parameters": _parameters(weights),
    }


def _inverter(weights: NetworkWeights | None) -> dict[str, Any] | None:
    if weights is None:
        return None
    return {"num_passes": weights.config["num_passes"], "parameters": _parameters(weights)}


def _parameters(weights: NetworkWeights) -> int:
    return sum(tensor.numel() for tensor in weights.tensors.values())
