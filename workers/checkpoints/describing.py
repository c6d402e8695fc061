"""Describe a converted checkpoint of any family in plain values: the output of `inspect`."""

from typing import Any

from workers.checkpoints.checkpoint import Checkpoint
from workers.families.family import Description


def description_of(family: str, described: Description, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return plain values for JSON. Taps are in the order of the hypercolumns' channels."""
    layout = described.layout
    height_px, width_px = layout.image_px
    return {
        "format": checkpoint.format,
        "network": family,
        "architecture": described.architecture,
        "resolution": {"height_px": height_px, "width_px": width_px},
        "num_classes": layout.num_classes,
        **described.facts.model_dump(mode="json"),
        "config": checkpoint.generator.config,
        "parameters": sum(t.numel() for t in checkpoint.generator.tensors.values()),
        "taps": [
            {"channels": channels, "height_px": height, "width_px": width}
            for channels, (height, width) in zip(layout.tap_channels, layout.tap_px, strict=True)
        ],
        "missing": checkpoint.missing,
        "warnings": checkpoint.warnings,
    }
