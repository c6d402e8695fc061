"""Parses the JSON of every request strictly: ambiguous input is refused.

Duplicate names, NaN and Infinity, numbers beyond a float, other encodings than UTF-8 and deep nesting are errors. So
are values of another type: `"3"` and `true` are no numbers.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive
from starlette.types import Scope as StarletteScope

from app.conversions import read_exactly
from app.http.requests import identify
from app.messages import quoted, shortened
from contracts.access.keys import Scope
from contracts.base import Model
from contracts.errors.tree import InvalidRequest, TooLarge, UnreadableBody

M = TypeVar("M", bound=Model)
T = TypeVar("T")

MAX_DIGITS = 400
"""No valid request has a number this long. Python itself refuses integers of more than 4,300 digits."""

MAX_LEVELS = 32
"""No valid request is nested this deep."""

_TOO_DEEP = f"Expected at most {MAX_LEVELS} levels of lists and objects, got more. See /docs for the request's schema."

MAX_NAMES = 1_000
"""No valid request has an object this large. Reporting 60,000 unknown fields blocked the event loop for 2 s."""


def read_json(body: bytes) -> object:
    """Return the JSON value of a body; a leading byte order mark is skipped.

    Raises `UnreadableBody` (400) for a wrong encoding or an exceeded limit, `InvalidRequest` (422) for invalid JSON.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        actual = f"byte 0x{body[error.start]:02x} at position {error.start}"
        raise UnreadableBody(f"Expected UTF-8 text, got {actual}. Send it as UTF-8.") from None
    if not text.strip():
        raise InvalidRequest.at("/", "Expected one JSON object, got an empty body.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError:  # the depth depends on the Python version
        raise UnreadableBody(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        detail = (
            f"The body is not valid JSON: {shortened(error.msg, 100)} at character {error.pos}."
        )
        raise InvalidRequest.at("/", detail) from None
    _check_depth(value)
    return value


class JsonRoute(APIRoute):
    """A route that parses JSON bodies by `read_json` instead of FastAPI's lenient parser.

    FastAPI reads a body before it asks who sends it. Here a caller is identified first.
    """

    scope: Scope = "write"
    """The scope that a request with a body needs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, which receives a request with the strict parser."""
        handle = super().get_route_handler()
        body = self.body_field
        expected = TypeAdapter(body.field_info.annotation or Any) if body else None

        async def handle_strictly(request: Request) -> Response:
            if request.method != "GET":
                identify(request, request.app.state.services, self.scope)
            return await handle(_StrictRequest(request.scope, request.receive, expected))

        return handle_strictly


class _StrictRequest(Request):
    def __init__(
        self, scope: StarletteScope, receive: Receive, expected: TypeAdapter[Any] | None
    ) -> None:
        super().__init__(scope, receive)
        self._expected = expected

    async def json(self) -> Any:  # noqa: ANN401 - as in the overridden method
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
            if self._expected:
                _read(self._expected, self._json)
        return self._json


def _check_depth(value: object) -> None:
    """Raise `UnreadableBody` for a value nested deeper than `MAX_LEVELS`, checked level by level."""
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
        detail = f"Expected at most {MAX_NAMES} names in one object, got {len(pairs)}."
        raise UnreadableBody(detail)
    # json keeps the last of two equal names; a proxy may have checked the first.
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        detail = (
            f"Expected each name once in an object, got {quoted(repeated)} twice. Send it once."
        )
        raise InvalidRequest.at("/", detail)
    return parsed


def _refuse_constant(word: str) -> NoReturn:
    raise InvalidRequest.at("/", f"Expected a finite number, got {word}, which is not valid JSON.")


def _float(text: str) -> float:
    _check_length(text)
    # Python reads 1e999 as infinity without an error.
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise InvalidRequest.at(
            "/", f"Expected a number up to 1e308, got {shortened(text, 40)}. Send a smaller one."
        )
    return number


def _int(text: str) -> int:
    _check_length(text)
    return int(text)


def _check_length(number: str) -> None:
    if len(number) > MAX_DIGITS:
        raise UnreadableBody(
            f"Expected a number of at most {MAX_DIGITS} digits, got one of {len(number)}."
        )


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return a small body. Raises `TooLarge`."""
    text = b""
    async for chunk in request.stream():
        text += chunk
        if len(text) > max_bytes:
            raise TooLarge(f"Expected JSON of at most {max_bytes} bytes, got more.")
    return text


def validated_json(model: type[M], text: bytes) -> M:
    """Return the model of a JSON body. Raises like `read_json`, and `RequestValidationError` like `validated`."""
    return _read(TypeAdapter(model), read_json(text))


def validated(model: type[M], fields: object) -> M:
    """Return the model of a form, whose numbers are texts.

    Raises `RequestValidationError`, whose places are those of the body.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _request_error(error, fields) from error


def _read(expected: TypeAdapter[T], body: object) -> T:
    """Return the value of a JSON body. Raises `RequestValidationError`."""
    try:
        return read_exactly(expected, body)
    except ValidationError as error:
        raise _request_error(error, body) from error


def _request_error(error: ValidationError, body: object) -> RequestValidationError:
    """Return the error of a body, with places in the request."""
    errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
    return RequestValidationError(errors, body=body)
