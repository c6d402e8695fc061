"""Read the data.yaml of a YOLO data set: the part of YAML that such files use, with the line of every error.

Keys at the left margin with a scalar, a list in brackets, a map in braces, or indented items below (`- name`,
`0: name`). A block of text (`download: |`) is skipped. Anything else is an error: a name that was read wrongly would be
a wrong label.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handsoff_client.converters.files import read_text
from handsoff_shards.errors import InvalidInput

Value = Any
"""Text, a list, or a dict of such values. Numbers stay text: `names: [1, 2]` are names."""

_KEY = re.compile(r"""^("[^"]*"|'[^']*'|[^\s:#'"\[\]{},][^:#]*?)\s*:(?:\s+(.*)|)$""")

_TEXT_BLOCK = re.compile(r"^([^\s#][^#]*:)\s*[|>][+-]?\d?[+-]?$")
"""A key whose value is the text of the indented lines below, such as Ultralytics' scripts for a download."""

_FLAT_KEYS = ("names", "kpt_shape", "flip_idx")


def read_yaml(path: Path) -> dict[str, Value]:
    """Return the top keys of a file. Raises `InvalidInput` with the line that cannot be read."""
    result: dict[str, Value] = {}
    block: list[tuple[int, str]] = []
    key = ""
    for number, line in _logical_lines(path):
        if line[0] in " -\t":
            block.append((number, line))
            continue
        _finish(path, result, key, block)
        match = _KEY.match(line)
        if not match:
            raise _error(path, number, f"expected KEY: VALUE, got '{line[:60]}'")
        key, block = _scalar(match[1], path, number), []
        if key in result:
            raise _error(path, number, f"'{key}' is there twice. Remove one")
        result[key] = _flow(match[2], path, number) if match[2] else None
    _finish(path, result, key, block)
    return result


def names_of(value: Value) -> dict[int, str] | None:
    """Return a list or a map of numbers as a map from number to name; None for anything else."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return dict(enumerate(value))
    is_numbered = isinstance(value, dict) and all(str(key).isdecimal() for key in value)
    if is_numbered and all(isinstance(one, str) for one in value.values()):
        return {int(key): value[key] for key in sorted(value, key=int)}
    return None


def numbers_of(value: Value) -> list[int] | None:
    """Return a list of whole numbers; None for anything else."""
    if isinstance(value, list) and all(isinstance(one, str) and one.isdecimal() for one in value):
        return [int(one) for one in value]
    return None


def _logical_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines without comments and blocks of text. Lines inside brackets are joined."""
    lines: list[tuple[int, str]] = []
    is_open = is_text = False
    for number, raw in enumerate(read_text(path).split("\n"), start=1):
        is_text = is_text and (not raw.strip() or raw[0] in " \t")
        if is_text:
            continue
        line = _without_comment(raw).rstrip()
        block = _TEXT_BLOCK.match(line) if not is_open else None
        if block:
            is_text, line = True, block[1]
        if not line.strip() or line.strip() in ("---", "..."):
            continue
        if is_open:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {line.strip()}")
        else:
            lines.append((number, line))
        is_open = _depth(lines[-1][1]) > 0
    return lines


def _without_comment(line: str) -> str:
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (place == 0 or line[place - 1] in " [{,:"):
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place]
    return line


def _depth(line: str) -> int:
    plain = re.sub(r""""[^"]*"|'[^']*'""", "", line)
    return sum(plain.count(one) for one in "[{") - sum(plain.count(one) for one in "]}")


def _finish(
    path: Path, result: dict[str, Value], key: str, block: Sequence[tuple[int, str]]
) -> None:
    """Store the indented items below a key."""
    if not block:
        return
    if not key or result[key] is not None:
        raise _error(path, block[0][0], "expected a key at the left margin")
    margin = len(block[0][1]) - len(block[0][1].lstrip())
    items = [(number, line.strip()) for number, line in block if _indent(line) == margin]
    if len(items) < len(block):
        if key in _FLAT_KEYS:
            raise _error(path, block[0][0], "expected a plain list or map, got deeper levels")
        result[key] = _lists(path, block, margin)
    elif all(line.startswith("- ") or line == "-" for _, line in items):
        result[key] = [_flow(line[1:].strip(), path, number) for number, line in items]
    else:
        pairs = [_pair(path, number, line) for number, line in items]
        result[key] = dict(pairs)
        if len(result[key]) < len(pairs):
            raise _error(path, block[0][0], f"'{key}' has an item twice. Remove one")


def _lists(path: Path, block: Sequence[tuple[int, str]], margin: int) -> Value:
    """Return a map of lists, such as kpt_names; None for anything else, which labels do not need."""
    result: dict[str, list[Value]] = {}
    last = ""
    for number, line in block:
        match = _KEY.match(line.strip())
        if _indent(line) == margin and match and not match[2]:
            last = _scalar(match[1], path, number)
            result[last] = []
        elif last and line.strip().startswith("- "):
            result[last].append(_flow(line.strip()[1:], path, number))
        else:
            return None
    return result


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _pair(path: Path, number: int, line: str) -> tuple[str, Value]:
    match = _KEY.match(line)
    if not match or not match[2]:
        raise _error(path, number, f"expected NUMBER: NAME, got '{line[:60]}'")
    return _scalar(match[1], path, number), _flow(match[2], path, number)


def _flow(text: str, path: Path, number: int) -> Value:
    """Return a scalar, a list in brackets or a map in braces."""
    text = text.strip()
    if text[:1] not in "[{" or not text:
        return _scalar(text, path, number)
    if text[-1] != {"[": "]", "{": "}"}[text[0]]:
        raise _error(path, number, f"the bracket is not closed in '{text[:60]}'")
    parts = _split(text[1:-1], path, number)
    if text[0] == "[":
        return [_flow(part, path, number) for part in parts]
    return dict(_pair(path, number, re.sub(r"^(\d+):(?=\S)", r"\1: ", part)) for part in parts)


def _split(text: str, path: Path, number: int) -> list[str]:
    """Split at commas that are neither quoted nor inside brackets."""
    parts = [""]
    quote, depth = "", 0
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not parts[-1].strip():
            quote = letter
        depth += (letter in "[{") - (letter in "]}") if not quote else 0
        if letter == "," and not quote and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    if quote:
        raise _error(path, number, f"a quote is not closed in '{text[:60]}'")
    stripped = [part.strip() for part in parts]
    return stripped if stripped[-1] else stripped[:-1]


def _scalar(text: str, path: Path, number: int) -> str:
    text = text.strip()
    if text[:1] in ("&", "*", "!", "|", ">", "%", "@", "`"):
        raise _error(path, number, f"expected plain text or a quoted name, got '{text[:60]}'")
    if text[:1] == "'":
        if len(text) < 2 or text[-1] != "'":
            raise _error(path, number, f"a quote is not closed in '{text[:60]}'")
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        return _double_quoted(text, path, number)
    return text


def _double_quoted(text: str, path: Path, number: int) -> str:
    """Return double-quoted text. Its escapes are those of JSON, and capital U with 8 digits."""
    plain = re.sub(
        r"\\U([0-9A-Fa-f]{8})", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], text
    )
    try:
        value = json.loads(plain)
    except ValueError as error:
        raise _error(path, number, f"the quoted text '{text[:60]}' cannot be read") from error
    return str(value)


def _error(path: Path, number: int, text: str) -> InvalidInput:
    return InvalidInput(f"{path.name}:{number}: {text}. Write names as `names: [a, b]`.")
