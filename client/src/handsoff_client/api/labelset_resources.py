"""The service's answers about labelled images: a labelset, its counts and its warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handsoff_shards.labels import Labels

Json = Mapping[str, Any]


@dataclass(frozen=True)
class ClassCount:
    """The number of images and of pixels of a class."""

    name: str
    num_images: int
    num_pixels: int


@dataclass(frozen=True)
class ConditionCount:
    """The number of images of a class of a class-conditional generator."""

    condition: int
    num_images: int


@dataclass(frozen=True)
class LabelsetWarning:
    """A possible mistake in the labels: a stable code, a sentence, and the files."""

    code: str
    detail: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = ", ".join(self.files[:_MAX_FILES])
        more = f" and {len(self.files) - _MAX_FILES} more" if len(self.files) > _MAX_FILES else ""
        return f"{self.detail} ({names}{more})" if names else self.detail


_MAX_FILES = 5
"""How many files a line names. `files` contains all."""


@dataclass(frozen=True, kw_only=True)
class CheckedLabels:
    """Labelled images that the service has checked: their number and the schema of their labels."""

    num_images: int
    labels: Labels
    classes: tuple[ClassCount, ...] = ()
    conditions: tuple[ConditionCount, ...] = ()
    json: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def warnings(self) -> tuple[LabelsetWarning, ...]:
        """Possible mistakes in the labels. Empty for a service without warnings."""
        listed = _sequence(self.json.get("warnings"))
        return tuple(_warning(one) for one in listed if isinstance(one, Mapping))

    @property
    def tasks(self) -> Mapping[str, int]:
        """The number of images with labels of each task."""
        counts = self.json.get("tasks")
        return counts if isinstance(counts, Mapping) else {}


@dataclass(frozen=True, kw_only=True)
class Labelset(CheckedLabels):
    """Real images with labels, as uploaded."""

    id: str
    name: str
    created_at: datetime
    digest: str


def _warning(data: Json) -> LabelsetWarning:
    return LabelsetWarning(
        code=str(data.get("code", "")),
        detail=str(data.get("detail", "")),
        files=tuple(map(str, _sequence(data.get("files")))),
    )


def _sequence(value: object) -> Sequence[object]:
    """Return a JSON array; empty for any other value."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
