"""Parse JSON answers into frozen dataclasses, field by field, by their annotations.

Unknown fields are ignored, so that an older client works with a newer service. A dataclass with a field `json` keeps
the complete answer there.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from handsoff_client.errors import InvalidAnswer

T = TypeVar("T")

WHOLE = "json"
"""The field for the complete answer."""

DIGEST = "sha256"
"""The field that names files of the cache. Any text other than a digest could name a file outside."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN: dict[Any, tuple[Any, str]] = {
    str: (str, "text"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    bool: (bool, "true or false"),
}


def parse(kind: type[T], data: object) -> T:
    """Return `data` as an instance of the dataclass `kind`. Raises `InvalidAnswer` for a missing or malformed field."""
    if not isinstance(data, Mapping):
        raise InvalidAnswer(f"Expected the JSON object of a {kind.__name__}, got {data!r:.80}.")
    hints = _hints(kind)
    try:
        values = {name: _value(hints[name], data[name], name) for name in hints if name in data}
        if WHOLE in hints:
            values[WHOLE] = dict(data)
        return kind(**values)
    except (TypeError, ValueError) as error:
        detail = f"This client cannot read the service's {kind.__name__} ({error})."
        raise InvalidAnswer(f"{detail} Update the client if the service is newer.") from error


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    assert is_dataclass(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _value(hint: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - annotations and JSON have no common type
    """Return `value` as the annotation says. Raises `ValueError` for another type: the value may name a file."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        inner = [argument for argument in get_args(hint) if argument is not type(None)]
        return None if value is None else _value(inner[0], value, name)
    if origin is tuple:
        _expect(isinstance(value, list | tuple), name, "a list", value)
        return tuple(_value(get_args(hint)[0], item, name) for item in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return parse(hint, value)
    if hint is datetime:
        return datetime.fromisoformat(_value(str, value, name))
    if hint in _PLAIN:
        kinds, words = _PLAIN[hint]
        is_right = isinstance(value, kinds) and (hint is bool or not isinstance(value, bool))
        _expect(is_right, name, words, value)
        _expect(name != DIGEST or bool(_SHA256.fullmatch(value)), name, "64 hex digits", value)
    return value


def _expect(is_right: bool, name: str, words: str, value: object) -> None:  # noqa: FBT001 - an assertion
    if not is_right:
        raise ValueError(f"{name}: expected {words}, got {value!a:.60}")
