"""What pydantic found wrong with a value, in a sentence: what came, what was expected."""

import json
from collections.abc import Mapping
from typing import Any

_MAX_SHOWN = 80
_SENTENCES = {
    "missing": "It is missing.",
    "extra_forbidden": "There is no such field; leave it out or correct its name.",
}


def in_words(found: Mapping[str, Any]) -> str:
    """One of pydantic's errors as a sentence, with the value that came where it is short enough to tell."""
    if found["type"] in _SENTENCES:
        return _SENTENCES[found["type"]]
    said = str(found["msg"]).removeprefix("Value error, ")
    return f"{said}{_shown(found['input'])}."


def _shown(value: object) -> str:
    """`, but 0 came`, or nothing: an object or a file is not repeated."""
    if not isinstance(value, str | int | float | None):
        return ""
    text = json.dumps(value)
    return f", but {text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + '...'} came"
