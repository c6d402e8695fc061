"""The fields of a manifest that follow from a generator's configuration: architecture, sizes, taps, family facts."""

from collections.abc import Mapping
from typing import Any

from contracts.generators.generator import Tap
from workers.families.family import Family


def describe(family: Family, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return these fields of a `StoredGenerator`."""
    description = family.describe(config)
    layout = description.layout
    height_px, width_px = layout.image_px
    taps = tuple(
        Tap(channels=channels, height_px=height, width_px=width)
        for channels, (height, width) in zip(layout.tap_channels, layout.tap_px, strict=True)
    )
    return {
        "architecture": description.architecture,
        "height_px": height_px,
        "width_px": width_px,
        **description.facts.model_dump(mode="json"),
        "num_classes": layout.num_classes,
        "taps": taps,
    }
