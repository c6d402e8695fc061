"""What labels mean: classes in the order of their index, keypoints and their lines, the scale of depth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KeypointLabels:
    """The keypoints by name, and the lines that join them."""

    names: tuple[str, ...]
    skeleton: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class DepthLabels:
    """A 16-bit value times `scale` is the depth in `unit`; the value `unknown`, where there is one, says nothing."""

    scale: float
    unit: str = "m"
    unknown: int | None = 0


@dataclass(frozen=True)
class Labels:
    """The schema of labels. `ignore_index` is the mask's value for "no label here"; `json` is all that was said."""

    classes: tuple[str, ...] = ()
    ignore_index: int = 255
    keypoints: KeypointLabels | None = None
    depth: DepthLabels | None = None
    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tasks(self) -> tuple[str, ...]:
        """What is labelled: segmentation, keypoints, depth."""
        has = {"segmentation": self.classes, "keypoints": self.keypoints, "depth": self.depth}
        return tuple(task for task, found in has.items() if found)
