"""What the service answers about labelled images: a labelset, what it counts, and what it warns about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handsoff_shards.labels import Labels

Json = Mapping[str, Any]


@dataclass(frozen=True)
class ClassCount:
    """In how many images and how many pixels a class occurs."""

    name: str
    num_images: int
    num_pixels: int


@dataclass(frozen=True)
class LabelsetWarning:
    """Something that may be a mistake in the labels: a stable code, a sentence, and the files it is about."""

    code: str
    detail: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(self.files[:_MAX_FILES])
        more = f" and {len(self.files) - _MAX_FILES} more" if len(self.files) > _MAX_FILES else ""
        return f"{self.detail} ({named}{more})" if named else self.detail


_MAX_FILES = 5
"""How many files a line names; `files` has all."""


@dataclass(frozen=True, kw_only=True)
class CheckedLabels:
    """Labelled images that the service has checked: how many there are, and what their labels mean."""

    num_images: int
    labels: Labels
    classes: tuple[ClassCount, ...] = ()
    json: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def warnings(self) -> tuple[LabelsetWarning, ...]:
        """What may be wrong with the labels; empty also for a service that does not warn."""
        listed = self.json.get("warnings")
        found = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
        return tuple(_warning(one) for one in found if isinstance(one, Mapping))

    @property
    def tasks(self) -> Mapping[str, int]:
        """How many images have labels of each kind."""
        found = self.json.get("tasks")
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, kw_only=True)
class Labelset(CheckedLabels):
    """Real images with labels, as uploaded."""

    id: str
    name: str
    created_at: datetime
    digest: str


def _warning(found: Json) -> LabelsetWarning:
    files = found.get("files")
    names = files if isinstance(files, Sequence) and not isinstance(files, str) else ()
    return LabelsetWarning(
        code=str(found.get("code", "")),
        detail=str(found.get("detail", "")),
        files=tuple(map(str, names)),
    )
