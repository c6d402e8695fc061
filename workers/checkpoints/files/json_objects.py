"""Read the JSON of a checkpoint. An object with a field twice is refused: it does not say which one counts."""

import json
from collections.abc import Sequence
from typing import Any


class RepeatedField(ValueError):
    """An object has a field twice. The message is the end of a sentence about the JSON."""


def read_json(data: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a JSON text. Raises `ValueError` for invalid JSON, `RepeatedField` for a repeated field."""
    return json.loads(data, object_pairs_hook=_unique)


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise RepeatedField(f"has the field {name[:64]!r} twice")
        values[name] = value
    return values
