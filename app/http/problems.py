"""Errors on the wire: RFC 9457 problem+json with a stable `code`, the request's id and the flaws found.

Also the handlers that turn every exception into one. No answer is larger than 4 kB or repeats control characters.
"""

import errno
from collections.abc import Mapping, Sequence
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

from app.http.flaws import Fault, faults_of, in_words, printable, quoted, shortened
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
"""The largest answer about an error, whatever a caller sent."""

_MAX_FLAWS = 20
_MAX_DETAIL_BYTES = 1_200
_MAX_PLACE_BYTES = 240
_NO_OBJECT = {"missing", "model_attributes_type"}  # pydantic's words for a body of another kind
_MORE = " Only the first ones are listed."
_NO_FILE = "Expected UploadFile"  # FastAPI's word for a form field without a file name


class Problem(Model):
    """What every answer with a status from 400 up is made of."""

    type: str = Field(examples=["/problems/invalid_request"])
    title: str
    status: int = Field(examples=[422])
    detail: str
    code: str = Field(examples=["invalid_request"])
    request_id: str
    errors: tuple[Flaw, ...] = ()


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of `app` a problem."""
    app.add_exception_handler(HandsOffError, _on_own_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(redis.RedisError, _on_redis_error)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_surprise)


def respond(request: Request, error: HandsOffError) -> Response:
    """The answer for one of our own errors."""
    response = _respond(
        request, error.status, error.code, error.title, detail=error.detail, flaws=error.flaws
    )
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _on_own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HandsOffError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error(error.code, detail=error.detail, cause=str(error.__cause__ or ""))
    return respond(request, error)


def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("Content-Type", "")
    return respond(request, _invalid(error, media_type))


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError):  # a body that could not be kept while it was read
        return _on_os_error(request, error.__cause__)
    if isinstance(error.__cause__, HandsOffError):  # a body that our own reader refused
        return respond(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status_code=status)
    code = NotFound.code if status is HTTPStatus.NOT_FOUND else status.name.lower()
    detail = _advice(request, status, error)
    response = _respond(request, status, code, status.phrase, detail=detail)
    response.headers.update(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _on_redis_error(request: Request, error: Exception) -> Response:
    log.error("redis does not answer", error=str(error))
    return respond(request, QueueUnavailable("The queue does not answer. Ask again in a moment."))


def _on_os_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
        return _on_surprise(request, error)
    log.error("a disk is full", error=str(error))
    return respond(request, Unavailable("A disk of ours is full. Ask again in some minutes."))


def _on_surprise(request: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    detail = "This is a fault of ours. The log has it under the request's id."
    return _respond(request, 500, HandsOffError.code, HandsOffError.title, detail=detail)


def _methods_at(request: Request) -> list[str]:
    """Every method that an address takes. The framework names those of its first route alone."""
    path, found = request.scope["path"], set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.match(path):
            found |= route.methods
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _advice(request: Request, status: HTTPStatus, error: HTTPException) -> str:
    """What the framework said of an address or a body that it did not take, and what to do."""
    path = shortened(request.scope["path"], 200)
    if status is HTTPStatus.NOT_FOUND:
        mend = (
            "Leave out the slash at its end."
            if path.endswith("/")
            else "/docs shows every address."
        )
        return f"There is nothing at '{path}'. {mend}"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        method = shortened(request.method, 20)
        return f"'{path}' takes {', '.join(_methods_at(request))}, not {method}. /docs shows every address."
    if status is not HTTPStatus.BAD_REQUEST:
        return error.detail
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{error.detail.rstrip('.')}{cause}. /docs shows what '{path}' takes."


def _invalid(error: RequestValidationError, media_type: str) -> InvalidRequest:
    """What was wrong with a request, as flaws in plain words."""
    flaws, within = [], []
    for one in error.errors():
        if one["loc"][0] != "body":
            flaws.append(Flaw(pointer=str(one["loc"][1]), detail=in_words(one)))
        elif flaw := _of_whole_or_file(one, media_type):
            flaws.append(flaw)
        else:
            within.append({**one, "loc": one["loc"][1:]})
    flaws += [_flaw(fault) for fault in faults_of(within, error.body)]
    count = "1 fault was" if len(flaws) == 1 else f"{len(flaws)} faults were"
    return InvalidRequest(f"{count} found; see errors.", flaws=flaws[:_MAX_FLAWS])


def _of_whole_or_file(found: Mapping[str, Any], media_type: str) -> Flaw | None:
    """The flaw of a body that is no object, or of a form field that is no file; None for every other."""
    if found["loc"] == ("body",) and found["type"] in _NO_OBJECT:
        sent = f"a body of type {quoted(media_type)}" if media_type else "no Content-Type"
        if media_type.partition(";")[0].strip() == "application/json":
            sent = "no body" if found["type"] == "missing" else "another value"
        detail = f"Expected one JSON object with 'Content-Type: application/json', found {sent}."
        return Flaw(pointer="/", detail=detail)
    if _NO_FILE in found["msg"]:
        name = str(found["loc"][1])
        detail = f"Expected a file, found text. With curl: -F {name}=@NAME-OF-THE-FILE."
        return Flaw(pointer=pointer_of("body", name), detail=detail)
    return None


def _flaw(fault: Fault) -> Flaw:
    place = ("body", *(str(part) for part in fault.place))
    return Flaw(pointer=pointer_of(*place), detail=fault.sentence)


def pointer_of(*where: str) -> str:
    """The JSON pointer (RFC 6901) of a place in the body; elsewhere the name of the parameter."""
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
) -> Response:
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=_cut(detail, _MAX_DETAIL_BYTES),
        code=code,
        request_id=request.scope.get("state", {}).get("request_id", ""),
    )
    return Response(_with_flaws(problem, flaws), status_code=status, media_type=MEDIA_TYPE)


def _with_flaws(problem: Problem, flaws: Sequence[Flaw]) -> str:
    """The problem as JSON with as many of the flaws as there is room for, and a word when there are more."""
    shown: list[Flaw] = []
    room = MAX_PROBLEM_BYTES - len(problem.model_dump_json().encode()) - len(_MORE)
    for flaw in flaws:
        plain = Flaw(
            detail=_cut(flaw.detail, _MAX_DETAIL_BYTES),
            pointer=flaw.pointer and _cut(flaw.pointer, _MAX_PLACE_BYTES),
            file=flaw.file and _cut(flaw.file, _MAX_PLACE_BYTES),
        )
        room -= len(plain.model_dump_json().encode()) + 1
        if room < 0:
            break
        shown.append(plain)
    detail = problem.detail if len(shown) == len(flaws) else problem.detail + _MORE
    whole = problem.model_copy(update={"errors": tuple(shown), "detail": detail})
    return whole.model_dump_json(exclude_none=True)


def _cut(text: str, most_bytes: int) -> str:
    """The text, made printable, in at most so many bytes of JSON."""
    safe = printable(text[:most_bytes])
    if len(text) <= most_bytes and _json_bytes(safe) <= most_bytes:
        return safe
    while _json_bytes(safe) > most_bytes - 3:
        safe = safe[: len(safe) * (most_bytes - 3) // _json_bytes(safe)]
    return f"{safe}..."


def _json_bytes(text: str) -> int:
    return len(to_json(text)) - 2
