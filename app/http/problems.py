"""Error responses: RFC 9457 problem+json with a stable `code`, the request's id and the list of errors.

Also the handlers that turn every exception into one. A response has at most 4 kB and no control characters.
"""

import errno
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import redis
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from app.messages import Fault, describe, faults_of, printable, quoted, shortened
from contracts.base import Model
from contracts.errors.tree import (
    Flaw,
    HandsOffError,
    InvalidRequest,
    NotFound,
    QueueUnavailable,
    Unavailable,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

MAX_PROBLEM_BYTES = 4_000
"""The size limit of an error response, whatever the request was."""

_MAX_FLAWS = 20
_MAX_DETAIL_BYTES = 1_200
_MAX_PLACE_BYTES = 240
# pydantic's error types for a body that is no object.
_NO_OBJECT = {"missing", "model_attributes_type"}
_MORE = " Only the first errors are listed."
QUEUE_IS_SILENT = "The queue does not respond. Retry in a few seconds."
_NO_FILE = "Expected UploadFile"  # FastAPI's message about a form field without a file name


class Problem(Model):
    """The body of every response with a status of 400 or above."""

    type: str = Field(examples=["/problems/invalid_request"])
    title: str
    status: int = Field(examples=[422])
    detail: str
    code: str = Field(examples=["invalid_request"])
    request_id: str
    retryable: bool = False
    errors: tuple[Flaw, ...] = ()


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _on_unexpected_error)


def answer_of(request: Request, error: Exception) -> Response:
    """Return the response for any error, as the handlers give it. For routes that answer errors in another format."""
    handlers = (handler for kind, handler in _HANDLERS.items() if isinstance(error, kind))
    return next(handlers, _on_unexpected_error)(request, error)


def respond(request: Request, error: HandsOffError) -> Response:
    """Return the response for an error of the tree."""
    response = _respond(
        request,
        error.status,
        error.code,
        error.title,
        detail=error.detail,
        flaws=error.flaws,
        retryable=error.retry_after_seconds is not None,
    )
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    response.headers.update(error.headers)
    return response


def _on_own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HandsOffError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error(error.code, detail=error.detail, cause=str(error.__cause__ or ""))
    return respond(request, error)


def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("Content-Type", "")
    return respond(request, invalid_request(error, media_type))


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # The body could not be written to disk while it was received.
    if isinstance(error.__cause__, OSError):
        return _on_os_error(request, error.__cause__)
    if isinstance(error.__cause__, HandsOffError):  # refused by `read_json`
        return respond(request, error.__cause__)
    if isinstance(error.__cause__, RequestValidationError):  # refused by a `JsonRoute`
        return _on_validation_error(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    # The live events raise 204, which has no body.
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status_code=status)
    code = NotFound.code if status is HTTPStatus.NOT_FOUND else status.name.lower()
    detail = _advice(request, status, error)
    response = _respond(request, status, code, status.phrase, detail=detail)
    response.headers.update(error.headers or {})
    # Starlette's own `Allow` lacks methods of other routes with the same path.
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _on_redis_error(request: Request, error: Exception) -> Response:
    log.error("redis does not respond", error=str(error))
    return respond(request, QueueUnavailable(QUEUE_IS_SILENT))


def _on_os_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
        return _on_unexpected_error(request, error)
    log.error("disk full", error=str(error))
    return respond(request, Unavailable("The server's disk is full. Retry in a few minutes."))


def _on_unexpected_error(request: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    detail = "The service failed unexpectedly. Its log has the details under this request_id."
    return _respond(request, 500, HandsOffError.code, HandsOffError.title, detail=detail)


_HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Response]] = {
    HandsOffError: _on_own_error,
    RequestValidationError: _on_validation_error,
    HTTPException: _on_http_error,
    redis.RedisError: _on_redis_error,
    OSError: _on_os_error,
}
"""The handlers of all expected errors."""


def _methods_at(request: Request) -> list[str]:
    """Return every method of an address. Starlette's `Allow` has only those of the first matching route."""
    path, methods = request.scope["path"], set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.match(path):
            methods |= route.methods
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _advice(request: Request, status: HTTPStatus, error: HTTPException) -> str:
    """Return the message for an address, method or body that the framework refused, and what to do."""
    path = shortened(request.scope["path"], 200)
    if status is HTTPStatus.NOT_FOUND:
        is_slashed = path.endswith("/")
        advice = "Remove the trailing slash." if is_slashed else "/docs lists all addresses."
        return f"The address '{path}' does not exist. {advice}"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        method = shortened(request.method, 20)
        allowed = ", ".join(_methods_at(request))
        return f"Expected one of {allowed} at '{path}', got {method}. /docs lists all addresses."
    if status is not HTTPStatus.BAD_REQUEST:
        return error.detail
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{error.detail.rstrip('.')}{cause}. /docs shows the body that '{path}' expects."


def invalid_request(error: RequestValidationError, media_type: str) -> InvalidRequest:
    """Return the validation errors of a request as flaws in plain sentences."""
    flaws, in_body = [], []
    for one in error.errors():
        if one["loc"][0] != "body":
            flaws.append(Flaw(pointer=str(one["loc"][1]), detail=describe(one)))
        elif flaw := _body_or_file_flaw(one, media_type):
            flaws.append(flaw)
        else:
            in_body.append({**one, "loc": one["loc"][1:]})
    flaws += [_flaw(fault) for fault in faults_of(in_body, error.body)]
    count = "1 error" if len(flaws) == 1 else f"{len(flaws)} errors"
    return InvalidRequest(f"The request has {count}; see 'errors'.", flaws=flaws[:_MAX_FLAWS])


def _body_or_file_flaw(error: Mapping[str, Any], media_type: str) -> Flaw | None:
    """Return the flaw of a body that is no object, or of a form field that is no file; None for other errors."""
    if error["loc"] == ("body",) and error["type"] in _NO_OBJECT:
        actual = f"a body of type {quoted(media_type)}" if media_type else "no Content-Type"
        if media_type.partition(";")[0].strip() == "application/json":
            actual = "no body" if error["type"] == "missing" else "another value"
        detail = f"Expected one JSON object with 'Content-Type: application/json', got {actual}."
        return Flaw(pointer="/", detail=detail)
    if _NO_FILE in error["msg"]:
        name = str(error["loc"][1])
        detail = f"Expected a file, got text. With curl: -F {name}=@PATH."
        return Flaw(pointer=pointer_of("body", name), detail=detail)
    return None


def _flaw(fault: Fault) -> Flaw:
    place = ("body", *(str(part) for part in fault.place))
    return Flaw(pointer=pointer_of(*place), detail=fault.sentence)


def pointer_of(*where: str) -> str:
    """Return the JSON pointer (RFC 6901) of a location in the body, or the name of another parameter."""
    if where[0] != "body":
        return where[-1]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in where[1:]) or "/"


def _respond(
    request: Request,
    status: int,
    code: str,
    title: str,
    *,
    detail: str,
    flaws: Sequence[Flaw] = (),
    retryable: bool = False,
) -> Response:
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=_cut(detail, _MAX_DETAIL_BYTES),
        code=code,
        request_id=request.scope.get("state", {}).get("request_id", ""),
        retryable=retryable,
    )
    return Response(_with_flaws(problem, flaws), status_code=status, media_type=MEDIA_TYPE)


def _with_flaws(problem: Problem, flaws: Sequence[Flaw]) -> str:
    """Return the problem as JSON with as many flaws as fit; the detail mentions that some are left out."""
    shown: list[Flaw] = []
    room = MAX_PROBLEM_BYTES - len(problem.model_dump_json().encode()) - len(_MORE)
    for flaw in flaws:
        safe = Flaw(
            detail=_cut(flaw.detail, _MAX_DETAIL_BYTES),
            pointer=flaw.pointer and _cut(flaw.pointer, _MAX_PLACE_BYTES),
            file=flaw.file and _cut(flaw.file, _MAX_PLACE_BYTES),
        )
        room -= len(safe.model_dump_json().encode()) + 1
        if room < 0:
            break
        shown.append(safe)
    detail = problem.detail if len(shown) == len(flaws) else problem.detail + _MORE
    complete = problem.model_copy(update={"errors": tuple(shown), "detail": detail})
    return complete.model_dump_json(exclude_none=True)


def _cut(text: str, max_bytes: int) -> str:
    """Return the text, made printable, in at most `max_bytes` bytes of JSON."""
    safe = printable(text[:max_bytes])
    if len(text) <= max_bytes and _json_bytes(safe) <= max_bytes:
        return safe
    # Escapes make the JSON longer than the text, so cut in proportion until it fits.
    while _json_bytes(safe) > max_bytes - 3:
        safe = safe[: len(safe) * (max_bytes - 3) // _json_bytes(safe)]
    return f"{safe}..."


def _json_bytes(text: str) -> int:
    return len(to_json(text)) - 2
