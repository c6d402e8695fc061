"""Turns pydantic's errors into plain sentences, "Expected X, got Y.", and makes a caller's text safe to show.

A sentence has at most 300 characters, no name of a Python type and no control character.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_FLAW_CHARACTERS = 300
"""The longest sentence about one error."""

_MAX_QUOTED_CHARACTERS = 80
_MAX_JOINED = 4
"""How many alternatives a sentence lists for a field that takes one of several kinds of value."""

# Unicode categories that move, hide or break text: controls, format (with bidi overrides), surrogates,
# private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Place = tuple[str | int, ...]
"""A location in the caller's value: field names and list indices, outermost first."""

_FIXED_SENTENCES = {
    "missing": "Expected a value, got none.",
    "extra_forbidden": "Unknown field. Remove it or correct its name.",
    "invalid_key": "Expected text as a field name.",
    "recursion_depth_exceeded": "Expected fewer levels of lists and objects.",
    "recursion_loop": "Expected a value that does not contain itself.",
}
"""Sentences of errors that do not mention the value."""

_EXPECTED = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "too_short": "a length of at least {min_length}",
    "too_long": "a length of at most {max_length}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_unicode": "text of whole Unicode characters",
    "string_not_ascii": "ASCII text",
    "bytes_too_short": "at least {min_length} bytes",
    "bytes_too_long": "at most {max_length} bytes",
    "bytes_invalid_encoding": "bytes in the declared encoding",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "none_required": "null",
    "union_tag_invalid": "one of {expected_tags} as {discriminator}",
    "union_tag_not_found": "an object with {discriminator}",
    "url_scheme": "a URL that begins with {expected_schemes}",
    "date_past": "a date in the past",
    "date_future": "a date in the future",
    "datetime_past": "a time in the past",
    "datetime_future": "a time in the future",
}
"""The expected value by the type of the error; the placeholders are filled from the error's context."""

_EXPECTED_KINDS = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number",
    "fraction": "a number",
    "complex": "a number",
    "bytes": "bytes",
    "time_delta": "a duration such as PT90S",
    "timezone": "a time with an offset such as 2026-01-31T12:00:00Z",
    "datetime": "a date and time such as 2026-01-31T12:00:00Z",
    "date": "a date such as 2026-01-31",
    "time": "a time such as 12:00:00",
    "url": "a URL",
    "uuid": "a UUID",
    "list": "a list",
    "tuple": "a list",
    "set": "a list of different values",
    "frozen_set": "a list of different values",
    "deque": "a list",
    "iterable": "a list",
    "named_tuple": "a list",
    "dict": "an object",
    "frozen_dict": "an object",
    "ordered_dict": "an object",
    "counter": "an object",
    "mapping": "an object",
    "model": "an object",
    "dataclass": "an object",
}
"""The expected value by the first words of an error type: `int` for `int_type` and `int_parsing`."""

_UNSEEN = object()
# `function-after[_check(), Model]`, `tuple[int, int]`, `Model`, `str`: names that no field of the API has.
_INTERNAL = re.compile(r"[\[\]()]|^[A-Z]|^(str|int|float|bool|bytes|none|constrained-\w+)$")
_ID_PATTERN = re.compile(r"\^([a-z|()]+)_\[0-9a-f\]\{32\}\$")
_PATTERNS = {
    r"^[A-Za-z0-9-]{1,100}$": "a name of a header: letters, digits and hyphens",
    r"^[\x20-\x7e]{0,1000}$": "one line of at most 1,000 printable ASCII characters",
    r"^[0-9a-f]{64}$": "a SHA-256 digest of 64 lower-case hexadecimal digits",
    r"^(generator_[0-9a-f]{32}|[a-z0-9][a-z0-9-]{0,62})$": "the id of a generator, such as portraits-64",
    r"^(default|none|[0-9a-f]{64})$": "'default', 'none', or the digest of an inverter (64 hexadecimal digits)",
    r"^(0|[1-9][0-9]{0,8})$": "the number of a class as a name, such as '3'",
    r"^[0-9]{1,19}-[0-9]{1,19}$": "the id of an event, such as 1700000000000-0",
    r"^[a-z0-9][a-z0-9-]{0,62}$": "a name of up to 63 lower-case letters, digits and hyphens",
    r"^[^\x00-\x1f\x7f]*$": "text without control characters",
}
"""The API's patterns in words. A test checks that every pattern of the API is in this table."""


@dataclass(frozen=True)
class Fault:
    """One error in a value: its location and a sentence."""

    place: Place
    sentence: str


def describe(error: Mapping[str, Any]) -> str:
    """Return one of pydantic's errors as a sentence: the expected value and, if it is short, the actual one."""
    kind = error["type"]
    if kind in _FIXED_SENTENCES:
        return _FIXED_SENTENCES[kind]
    if kind in {"value_error", "assertion_error"}:  # the message of a validator of the service
        message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return shortened(f"{message.rstrip('.')}.", MAX_FLAW_CHARACTERS)
    if kind == "json_invalid":
        reason = shortened(str(error.get("ctx", {}).get("error", "it cannot be parsed")), 120)
        return f"The text is not valid JSON: {reason}."
    return _sentence([_expected(error)], error)


def faults_of(errors: Sequence[Mapping[str, Any]], value: object) -> list[Fault]:
    """Return every error as a sentence with its location in `value`; alternatives of one field are one sentence.

    pydantic reports each alternative of a field (a word, or an object) as an error. When the value matches one
    alternative more deeply than the others, only the errors of that alternative are returned.
    """
    by_place: dict[Place, list[Mapping[str, Any]]] = {}
    for error in errors:
        by_place.setdefault(place_of(error, value), []).append(error)
    # Linear in the errors: comparing all pairs of places took 20 s for a body of 10,000 unknown names.
    parents = {place[:depth] for place in by_place for depth in range(len(place))}
    return [
        Fault(place, _describe_all(here))
        for place, here in by_place.items()
        if not (place in parents and all(map(_is_mismatch, here)))
    ]


def place_of(error: Mapping[str, Any], value: object = _UNSEEN) -> Place:
    """Return the location of an error in `value`, without pydantic's names for alternatives and validators.

    Without `value`, every part that looks like such a name is removed.
    """
    loc: Sequence[str | int] = error["loc"]
    if value is _UNSEEN:
        return tuple(part for part in loc if isinstance(part, int) or not _INTERNAL.search(part))
    place: list[str | int] = []
    for number, part in enumerate(loc, 1):
        if _has(value, part):
            value = value[part]  # type: ignore[index]  # `_has` checked it
            place.append(part)
        elif number == len(loc) and error["type"] in {"missing", "missing_argument"}:
            place.append(part)
    return tuple(place)


def quoted(value: object) -> str:
    """Return a caller's value for a message: short, on one line, without control characters.

    Text is put in double quotes; lists and objects are described, not repeated.
    """
    if isinstance(value, str):
        return f'"{shortened(value, _MAX_QUOTED_CHARACTERS)}"'
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        # Python refuses to format numbers of thousands of digits (sys.set_int_max_str_digits).
        return str(value) if value.bit_length() <= 128 else "a number of more than 38 digits"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, Mapping) else "another kind of value"


def printable(text: str) -> str:
    """Return the text with its unsafe characters (controls, bidi overrides, surrogates) written as JSON escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def shortened(text: str, max_characters: int) -> str:
    """Return the text, made printable, with at most `max_characters` characters; a cut text ends in `...`."""
    safe = printable(text[: max_characters + 1])
    if len(safe) <= max_characters and len(text) <= max_characters:
        return safe
    return f"{safe[: max_characters - 3]}..."


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _expected(error: Mapping[str, Any]) -> str:
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _describe_pattern(str(context["pattern"]))
    if kind in _EXPECTED:
        return _EXPECTED[kind].format_map(context)
    words = kind.split("_")
    prefixes = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    matches = (_EXPECTED_KINDS[prefix] for prefix in prefixes if prefix in _EXPECTED_KINDS)
    return next(matches, "another kind of value")


def _describe_pattern(pattern: str) -> str:
    match = _ID_PATTERN.fullmatch(pattern)
    if match:
        noun = match[1].strip("()").replace("|", " or ")
        article = "an" if noun[0] in "aeiou" else "a"
        return f"the id of {article} {noun}: {noun}_ and 32 hexadecimal digits"
    return _PATTERNS.get(pattern, "text of another format")


def _sentence(expected: Iterable[str], error: Mapping[str, Any]) -> str:
    alternatives = list(dict.fromkeys(expected))[:_MAX_JOINED]
    context, value = error.get("ctx", {}), error.get("input")
    if isinstance(value, str | bytes) and str(error["type"]).endswith("_too_long"):
        actual = str(len(value))
    else:
        length = context.get("actual_length")
        actual = quoted(value) if length is None else str(length)
    return shortened(f"Expected {', or '.join(alternatives)}, got {actual}.", MAX_FLAW_CHARACTERS)


def _describe_all(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence for the errors at one location: a single error, or the alternatives of one field."""
    if len(errors) == 1:
        return describe(errors[0])
    others = [error for error in errors if not _is_mismatch(error)]
    return describe(others[0]) if others else _sentence(map(_expected, errors), errors[0])


def _is_mismatch(error: Mapping[str, Any]) -> bool:
    kind = str(error["type"])
    return kind in {"literal_error", "enum", "none_required"} or kind.endswith(
        ("_type", "_parsing", "_mismatch")
    )


def _has(value: object, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list | tuple) and part in range(len(value))
