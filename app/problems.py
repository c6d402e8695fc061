"""Errors on the wire: RFC 9457 problem+json with a stable `code`, the request's id and every flaw found.

Also the handlers that turn whatever is raised into one.
"""

import errno
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import redis
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from app.flaws import in_words
from contracts.errors import (
    Flaw,
    HandsOffError,
    InvalidRequest,
    NotFound,
    QueueUnavailable,
    Unavailable,
)
from contracts.shapes import Shape

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

_MAX_FLAWS = 20
_NO_OBJECT = {"missing", "model_attributes_type"}  # pydantic's words for a body of another kind
_NO_FILE = "Expected UploadFile"  # FastAPI's word for a form field that came without a file name


class Problem(Shape):
    """What every answer with a status from 400 up is made of."""

    type: str = Field(examples=["/problems/invalid_request"])
    title: str
    status: int = Field(examples=[422])
    detail: str
    code: str = Field(examples=["invalid_request"])
    request_id: str
    errors: tuple[Flaw, ...] = ()


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request was refused; `code` says why"},
    "5XX": {"model": Problem, "description": "Trouble on our side; ask again after `Retry-After`"},
}


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
    found = error.errors()
    media_type = request.headers.get("Content-Type", "nothing")
    flaws = [_flaw(one, media_type) for one in found[:_MAX_FLAWS]]
    shown = "see errors" if len(found) == len(flaws) else f"errors names the first {len(flaws)}"
    detail = f"{len(found)} {'thing is' if len(found) == 1 else 'things are'} wrong; {shown}."
    return respond(request, InvalidRequest(detail, flaws=flaws))


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError):  # a body that could not be kept while it was read
        return _on_os_error(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status_code=status)
    code = NotFound.code if status is HTTPStatus.NOT_FOUND else status.name.lower()
    detail = _advice(request, status, error)
    response = _respond(request, status, code, status.phrase, detail=detail)
    response.headers.update(error.headers or {})
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


def _advice(request: Request, status: HTTPStatus, error: HTTPException) -> str:
    """What the framework said of an address or a body that it did not take, and what to do."""
    path = request.url.path
    if status is HTTPStatus.NOT_FOUND:
        return f"There is nothing at '{path}'. /docs shows every address."
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return f"'{path}' does not take {request.method}. /docs shows every address."
    if status is not HTTPStatus.BAD_REQUEST:
        return error.detail
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{error.detail.rstrip('.')}{cause}. /docs shows what '{path}' takes."


def _flaw(found: Any, media_type: str) -> Flaw:  # noqa: ANN401 - pydantic gives a plain dict
    where = [str(part) for part in found["loc"]]
    if found["type"] == "json_invalid":
        detail = f"The body is not JSON: {found['ctx']['error']} at character {where[-1]}."
        return Flaw(pointer="/", detail=detail)
    if where == ["body"] and found["type"] in _NO_OBJECT:
        came = "another value" if media_type == "application/json" else f"a body of {media_type}"
        detail = (
            f"One JSON object with 'Content-Type: application/json' was expected, but {came} came."
        )
        return Flaw(pointer="/", detail=detail)
    if _NO_FILE in found["msg"]:
        detail = f"A file was expected, but text came. With curl: -F {where[1]}=@NAME-OF-THE-FILE."
        return Flaw(pointer=pointer_of(*where), detail=detail)
    return Flaw(pointer=pointer_of(*where), detail=in_words(found))


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
        detail=detail,
        code=code,
        request_id=request.scope.get("state", {}).get("request_id", ""),
        errors=tuple(flaws),
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status_code=status, media_type=MEDIA_TYPE)
