"""What the viewer shows: one picture with its layers, and the pictures before and after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.ui.images.pictures import Layer
from contracts.schemas import LabelSchema


@dataclass(frozen=True)
class Shown:
    """One picture: the address of its layers, which ones it has, facts for people, and the share of each class."""

    name: str
    base: str
    size: tuple[int, int]
    layers: tuple[Layer, ...]
    labels: LabelSchema
    facts: Mapping[str, str]
    fractions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """The addresses of the pictures before and after one."""

    before: str | None
    after: str | None


def neighbours(base: str, place: int, total: int, query: str = "") -> Around:
    """Return the addresses around a place in a list of `total` pictures."""
    return Around(
        before=f"{base}/{place - 1}{query}" if place > 0 else None,
        after=f"{base}/{place + 1}{query}" if place + 1 < total else None,
    )
