"""Reads the JSON of every request, strictly: what a reader could take in two ways is refused.

Duplicate names, NaN and Infinity, numbers beyond a float, other encodings than UTF-8 and deep nesting are errors.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.http.flaws import quoted, shortened
from contracts.errors.tree import InvalidRequest, UnreadableBody

MAX_DIGITS = 400
"""More than any number of a request has; Python itself refuses to read integers of more than 4,300."""

MAX_LEVELS = 32
"""More than any request has."""

_TOO_DEEP = f"Expected at most {MAX_LEVELS} levels of lists and objects, found more. /docs shows what is taken."

MAX_NAMES = 1_000
"""More than any object of a request has. Naming 60,000 unknown fields one by one took 2 s of the event loop."""


def read_json(body: bytes) -> object:
    """Return the one JSON value of a body; a byte order mark in front is skipped.

    Raises `UnreadableBody` (400) for what cannot be read, `InvalidRequest` (422) for what is no sound JSON.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{body[error.start]:02x} at position {error.start}"
        raise UnreadableBody(f"Expected UTF-8 text, found {found}. Send it as UTF-8.") from None
    if not text.strip():
        raise InvalidRequest.at("/", "Expected one JSON object, found an empty body.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError:  # at a depth that depends on the version of Python
        raise UnreadableBody(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON: {shortened(error.msg, 100)} at character {error.pos}."
        raise InvalidRequest.at("/", detail) from None
    _check_depth(value)
    return value


class JsonRoute(APIRoute):
    """A route whose JSON body is read by `read_json` instead of the framework's lenient reader."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, which gets a request with the strict reader."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - as the method that it overrides
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


def _check_depth(value: object) -> None:
    """Refuse a value of more than `MAX_LEVELS` lists and objects inside each other, level by level."""
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        nested = [one for one in level if isinstance(one, dict | list)]
        if not nested:
            return
        level = [
            child for one in nested for child in (one.values() if isinstance(one, dict) else one)
        ]
    raise UnreadableBody(_TOO_DEEP)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_NAMES:
        detail = f"Expected at most {MAX_NAMES} names in one object, found {len(pairs)}."
        raise UnreadableBody(detail)
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        detail = (
            f"Expected each name once, found {quoted(twice)} twice in one object. Send it once."
        )
        raise InvalidRequest.at("/", detail)
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise InvalidRequest.at("/", f"Expected a finite number, found {word}, which is no JSON.")


def _float(text: str) -> float:
    _check_length(text)
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise InvalidRequest.at(
            "/", f"Expected a number up to 1e308, found {shortened(text, 40)}. Send a smaller one."
        )
    return number


def _int(text: str) -> int:
    _check_length(text)
    return int(text)


def _check_length(number: str) -> None:
    if len(number) > MAX_DIGITS:
        raise UnreadableBody(
            f"Expected a number of at most {MAX_DIGITS} digits, found one of {len(number)}."
        )
