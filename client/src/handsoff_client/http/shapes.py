"""JSON answers to frozen dataclasses, field by field, by their annotations.

Unknown fields are passed over, so that a newer service still answers an older client; what came is kept whole in the
field `json` of those that have one.
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
"""The field that holds the answer as it was sent."""

DIGEST = "sha256"
"""The field that names files of the cache: anything but a digest could name one elsewhere."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN: dict[Any, tuple[Any, str]] = {
    str: (str, "text"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    bool: (bool, "true or false"),
}


def parse(kind: type[T], data: object) -> T:
    """`data` as an instance of the dataclass `kind`. Raises `InvalidAnswer` when a field is missing or malformed."""
    if not isinstance(data, Mapping):
        raise InvalidAnswer(f"{kind.__name__} was expected, but {data!r:.80} came.")
    hints = _hints(kind)
    try:
        values = {name: _value(hints[name], data[name], name) for name in hints if name in data}
        if WHOLE in hints:
            values[WHOLE] = dict(data)
        return kind(**values)
    except (TypeError, ValueError) as error:
        detail = f"The answer is no {kind.__name__} that this client understands ({error})."
        raise InvalidAnswer(f"{detail} Is the client older than the service?") from error


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    assert is_dataclass(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _value(hint: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - annotations and JSON are what they are
    """`value` as the annotation has it. Raises `ValueError` for another type: a file may be named by what is here."""
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
