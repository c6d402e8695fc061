"""Reads expressions of Prometheus simply: the metrics, the labels that each is used with, and the labels of the result.

Groups must be written before the parentheses: `sum by (queue) (x)`. `without` is not supported.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_WORDS = {"and", "or", "unless", "by", "on", "offset", "bool", "inf", "nan"}
_STRING = re.compile(r'"[^"]*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUP = re.compile(r"\b(by|on)\s*\(([^)]*)\)")
_UNREADABLE = re.compile(r"\b(?:without|ignoring|group_left|group_right)\b|\)\s*by\b|'|#")
_SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\b(?!\s*\()(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass
class Use:
    """A metric in an expression: its matchers (label, operator, value), and all labels that it must have."""

    metric: str
    matchers: list[tuple[str, str, str]]
    labels: set[str] = field(default_factory=set)


def uses_of(expression: str) -> list[Use]:
    """Return every metric of an expression. Raises `ValueError` for forms that this reader does not know."""
    plain = _STRING.sub(_blank_string, expression)
    if found := _UNREADABLE.search(plain):
        message = f"expected groups as in 'sum by (a) (x)', got '{found[0]}' in {expression!r}"
        raise ValueError(message)
    plain = _RANGE.sub(_blank, plain)
    spans = list(_groups(plain))
    uses = []
    for match in _SELECTOR.finditer(_GROUP.sub(_blank, plain)):
        if match[1] in _WORDS:
            continue
        inside = expression[match.start(2) : match.end(2)] if match[2] else ""
        matchers = _MATCHER.findall(inside)
        grouped = {
            name for start, end, names in spans if start < match.start() < end for name in names
        }
        uses.append(Use(match[1], matchers, grouped | {label for label, _, _ in matchers}))
    return uses


def result_labels(expression: str, labels: Mapping[str, frozenset[str]]) -> set[str]:
    """Return the labels of an expression's result: those of its groups, or of its metrics if it has none.

    `histogram_quantile` removes `le`. An aggregation without a group has no label.
    """
    plain = _STRING.sub(_blank_string, expression)
    groups = [set(names) for _, _, names in _groups(plain)]
    if groups:
        return set.union(*groups) - {"le"}
    if re.match(r"(?:sum|max|absent)\s*\(", plain):
        return set()
    return set().union(*(labels[use.metric] for use in uses_of(expression)))


def _groups(plain: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield the part of an expression that a group is applied to, and its labels. `on` is applied to all of it."""
    for match in _GROUP.finditer(plain):
        names = tuple(name.strip() for name in match[2].split(",") if name.strip())
        if match[1] == "on":
            yield -1, len(plain), names
        else:
            start = plain.index("(", match.end())
            yield start, _closing(plain, start), names


def _closing(plain: str, start: int) -> int:
    """Return the position of the parenthesis that closes the one at `start`."""
    depth = 0
    for place in range(start, len(plain)):
        depth += {"(": 1, ")": -1}.get(plain[place], 0)
        if depth == 0:
            return place
    message = f"a parenthesis is not closed: {plain!r}"
    raise ValueError(message)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _blank_string(match: re.Match[str]) -> str:
    return '"' + " " * (len(match[0]) - 2) + '"'
