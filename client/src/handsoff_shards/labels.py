"""The schema of labels: classes in the order of their index, keypoints with their skeleton, the scale of depth.

Names may tell left from right: `mirrored_names` finds the name that each becomes in a mirrored image.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handsoff_shards.tasks import TASKS

_PAIRS = [("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("l", "r"), ("L", "R")]
_OPPOSITE = {side: opposite for pair in _PAIRS for side, opposite in (pair, pair[::-1])}

# A word begins after a character that is no letter, or with a capital after a small letter: eye_left, eyeLeft.
_BEGIN = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_WORDS = "left|right|Left|Right|LEFT|RIGHT"
_SIDE = re.compile(
    rf"{_BEGIN}(?:{_WORDS})"  # left_eye, mouth-right, lefteye
    rf"|{_BEGIN}[lrLR](?![A-Za-z0-9])"  # l_eye, R ear, eyeL
    r"|(?<![A-Za-z])[lr](?=[A-Z])"  # lEye
)
"""A side that a name certainly has."""
_PERHAPS = re.compile(rf"{_WORDS}|(?<![A-Za-z])[lrLR](?=[A-Z][a-z]|[0-9])")
"""Perhaps a side: handleft, LEye and L1, but also bright and copyright. It is one if the names have its partner."""


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


def mirrored_names(names: Sequence[str]) -> list[int] | None:
    """Return the index of each name's mirror image. None if a side has no partner: no image may be mirrored then.

    A mirrored left hand would be a right hand, which has no name. Names without a side are their own mirror images.

    >>> mirrored_names(["nose", "l_eye", "r_eye", "bright"])
    [0, 2, 1, 3]
    """
    partners = []
    for name in names:
        partner = _SIDE.sub(_opposite, name)
        if partner == name:
            perhaps = _PERHAPS.sub(_opposite, name)
            partner = perhaps if perhaps in names else name
        if partner not in names:
            return None
        partners.append(names.index(partner))
    return partners


def _opposite(side: re.Match[str]) -> str:
    return _OPPOSITE[side[0]]
