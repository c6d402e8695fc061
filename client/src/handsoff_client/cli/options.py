"""Parse the options of a fit: `--option ensemble.steps=500` becomes a field of the request."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from handsoff_shards.errors import InvalidInput


def parse_option(text: str) -> tuple[str, Any]:
    """Return dotted name and value of an option such as `ensemble.steps=500`. The value is JSON if possible, else text.

    Raises `ValueError` for text of another form.
    """
    name, mark, value = text.partition("=")
    if not mark or not all(part.strip() == part and part for part in name.split(".")):
        raise ValueError(f"expected KEY=VALUE such as ensemble.steps=500, got {text!r}")
    try:
        return name, json.loads(value, parse_constant=_refuse)
    except ValueError:
        return name, value


def nested(options: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return dotted options as one object: `ensemble.steps` becomes a field of the object `ensemble`.

    Raises `InvalidInput` when an option is given twice, or as a value and as an object.
    """
    result: dict[str, Any] = {}
    for name, value in options:
        *outer, last = name.split(".")
        fields = result
        for part in outer:
            fields = fields.setdefault(part, {})
            if not isinstance(fields, dict):
                raise InvalidInput(
                    f"Option '{part}' is given as a value, and '{name}' as a field of it. Keep one."
                )
        if last in fields:
            raise InvalidInput(f"Option '{name}' is given twice. Keep one.")
        fields[last] = value
    return result


def merged(options: Iterable[tuple[str, Any]], **more: object) -> Mapping[str, Any] | None:
    """Return the options of a fit: the dotted ones, and `more` without None. None when there is no option."""
    named = [(name, value) for name, value in more.items() if value is not None]
    return nested([*options, *named]) or None


def _refuse(text: str) -> NoReturn:
    """Refuse NaN and Infinity: Python reads them, but they are not JSON."""
    raise ValueError(text)
