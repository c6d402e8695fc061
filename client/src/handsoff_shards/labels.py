"""The schema of labels: classes in the order of their index, keypoints with their skeleton, the scale of depth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handsoff_shards.tasks import TASKS


@dataclass(frozen=True)
class KeypointLabels:
    """The keypoints by name, and the pairs of names that lines connect."""

    names: tuple[str, ...]
    skeleton: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class DepthLabels:
    """A 16-bit value times `scale` is the depth in `unit`. The value `unknown` (None: no such value) has no depth."""

    scale: float
    unit: str = "m"
    unknown: int | None = 0


@dataclass(frozen=True)
class Labels:
    """The schema of labels. `ignore_index` is the mask's value for unlabelled pixels; `json` is the whole answer."""

    classes: tuple[str, ...] = ()
    ignore_index: int = 255
    keypoints: KeypointLabels | None = None
    depth: DepthLabels | None = None
    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The labelled tasks, in the order of `TASKS`."""
        return tuple(
            task.name
            for task in TASKS
            if getattr(self, task.field, None) or self.json.get(task.name)
        )
