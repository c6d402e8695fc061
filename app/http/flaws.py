"""Puts what pydantic found wrong into plain sentences: what was expected, what was found.

A sentence never shows a type of the program, a control character of the caller, or more than 300 characters.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_FLAW_CHARACTERS = 300
"""The longest sentence about one flaw."""

_MAX_QUOTED_CHARACTERS = 80
_MAX_JOINED = 4
"""How many alternatives a sentence names where a field takes one of several kinds."""

# Categories of characters that move, hide or break text: controls, format (with bidi overrides), halves of
# surrogate pairs, private and unassigned ones, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Place = tuple[str | int, ...]
"""Where in the caller's value: names of fields and positions in lists, outermost first."""

_WHOLE = {
    "missing": "It is missing.",
    "extra_forbidden": "There is no such field. Leave it out or correct its name.",
    "invalid_key": "Expected text as the name of a field.",
    "recursion_depth_exceeded": "Expected fewer levels of lists and objects.",
    "recursion_loop": "Expected a value that does not contain itself.",
}
"""Sentences that need no value."""

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
    "datetime_past": "a moment in the past",
    "datetime_future": "a moment in the future",
}
"""What a kind of error expected, with the facts of its context."""

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
"""What errors of a family (`int_type`, `int_parsing`) expected, by the first words of their name."""

_UNSEEN = object()
# `function-after[_check(), Model]`, `tuple[int, int]`, `Model`, `str`: no field of ours looks like one.
_INTERNAL = re.compile(r"[\[\]()]|^[A-Z]|^(str|int|float|bool|bytes|none|constrained-\w+)$")
_ID_PATTERN = re.compile(r"\^([a-z|()]+)_\[0-9a-f\]\{32\}\$")
_PATTERNS = {
    r"^[0-9a-f]{64}$": "a SHA-256 digest of 64 lower-case hexadecimal digits",
    r"^(generator_[0-9a-f]{32}|[a-z0-9][a-z0-9-]{0,62})$": "the id of a generator, such as portraits-64",
    r"^(default|none|[0-9a-f]{64})$": "'default', 'none', or the digest of an inverter (64 hexadecimal digits)",
    r"^[0-9]{1,19}-[0-9]{1,19}$": "the id of an event, such as 1700000000000-0",
    r"^[^\x00-\x1f\x7f]*$": "text without control characters",
}
"""Patterns of our fields in words. A test holds every pattern of the API against this table."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a value: where, and a sentence."""

    place: Place
    sentence: str


def in_words(found: Mapping[str, Any]) -> str:
    """Return one of pydantic's errors as a sentence: what was expected, and the value found where it is short."""
    kind = found["type"]
    if kind in _WHOLE:
        return _WHOLE[kind]
    if kind in {"value_error", "assertion_error"}:
        said = str(found["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return shortened(f"{said.rstrip('.')}.", MAX_FLAW_CHARACTERS)
    if kind == "json_invalid":
        reason = shortened(str(found.get("ctx", {}).get("error", "it cannot be read")), 120)
        return f"It is not JSON: {reason}."
    return _sentence([_expected(found)], found)


def faults_of(errors: Sequence[Mapping[str, Any]], value: object) -> list[Fault]:
    """Return every error as a sentence at its place in `value`, alternatives of one field joined.

    pydantic reports each alternative of a field (a word, or an object) by itself. Where one alternative was
    understood further than the others, only its errors are the caller's.
    """
    at: dict[Place, list[Mapping[str, Any]]] = {}
    for error in errors:
        at.setdefault(place_of(error, value), []).append(error)
    # Linear in the errors: a body of 10,000 unknown names took 20 s when each place was held against all others.
    passed = {place[:depth] for place in at for depth in range(len(place))}
    return [
        Fault(place, _joined(here))
        for place, here in at.items()
        if not (place in passed and all(map(_is_mismatch, here)))
    ]


def place_of(error: Mapping[str, Any], value: object = _UNSEEN) -> Place:
    """Return where in `value` an error is, without the names that pydantic gives to alternatives and validators.

    Without the value, what looks like such a name is left out.
    """
    loc: Sequence[str | int] = error["loc"]
    if value is _UNSEEN:
        return tuple(part for part in loc if isinstance(part, int) or not _INTERNAL.search(part))
    place: list[str | int] = []
    for number, part in enumerate(loc, 1):
        if _has(value, part):
            value = value[part]  # type: ignore[index]  # `_has` looked
            place.append(part)
        elif number == len(loc) and error["type"] in {"missing", "missing_argument"}:
            place.append(part)
    return tuple(place)


def quoted(value: object) -> str:
    """Return a caller's value as a message shows it: short, on one line, without control characters.

    Text is in double quotes; a list or an object is named, not repeated.
    """
    if isinstance(value, str):
        return f'"{shortened(value, _MAX_QUOTED_CHARACTERS)}"'
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        # Python refuses to write a number of thousands of digits, and nobody would read it.
        return str(value) if value.bit_length() <= 128 else "a number of more than 38 digits"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, Mapping) else "another kind of value"


def printable(text: str) -> str:
    """Return the text with characters that move, hide or break text written as escapes: a backslash, u and the code."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(one) for one in text)


def shortened(text: str, most: int) -> str:
    """Return the text, made printable, with at most `most` characters; `...` stands for what was cut."""
    safe = printable(text[: most + 1])
    return safe if len(safe) <= most and len(text) <= most else f"{safe[: most - 3]}..."


def _escaped(one: str) -> str:
    if unicodedata.category(one) not in _UNSAFE:
        return one
    code = ord(one)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _expected(found: Mapping[str, Any]) -> str:
    kind, facts = str(found["type"]), found.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _pattern_in_words(str(facts["pattern"]))
    if kind in _EXPECTED:
        return _EXPECTED[kind].format_map(facts)
    words = kind.split("_")
    families = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    named = (_EXPECTED_KINDS[family] for family in families if family in _EXPECTED_KINDS)
    return next(named, "another kind of value")


def _pattern_in_words(pattern: str) -> str:
    named = _ID_PATTERN.fullmatch(pattern)
    if named:
        noun = named[1].strip("()").replace("|", " or ")
        article = "an" if noun[0] in "aeiou" else "a"
        return f"the id of {article} {noun}: {noun}_ and 32 hexadecimal digits"
    return _PATTERNS.get(pattern, "text of another form")


def _sentence(expected: Iterable[str], found: Mapping[str, Any]) -> str:
    alternatives = list(dict.fromkeys(expected))[:_MAX_JOINED]
    facts, value = found.get("ctx", {}), found.get("input")
    if isinstance(value, str | bytes) and str(found["type"]).endswith("_too_long"):
        shown = str(len(value))
    else:
        length = facts.get("actual_length")
        shown = quoted(value) if length is None else str(length)
    return shortened(f"Expected {', or '.join(alternatives)}, found {shown}.", MAX_FLAW_CHARACTERS)


def _joined(here: Sequence[Mapping[str, Any]]) -> str:
    """One sentence for the errors at one place: alternatives of one field, or one error alone."""
    if len(here) == 1:
        return in_words(here[0])
    deepest = [one for one in here if not _is_mismatch(one)]
    return in_words(deepest[0]) if deepest else _sentence(map(_expected, here), here[0])


def _is_mismatch(error: Mapping[str, Any]) -> bool:
    kind = str(error["type"])
    return kind in {"literal_error", "enum", "none_required"} or kind.endswith(
        ("_type", "_parsing", "_mismatch")
    )


def _has(value: object, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list | tuple) and part in range(len(value))
