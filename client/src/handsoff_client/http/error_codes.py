"""Find the error class of a problem+json or of a failed job: by a known code, else by the HTTP status."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from handsoff_client.errors import JobFailed
from handsoff_client.http.service_errors import (
    Conflict,
    Flaw,
    Gone,
    InvalidLink,
    InvalidRequest,
    NotFound,
    ServiceError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from handsoff_shards.errors import HandsOffError

E = TypeVar("E", bound=HandsOffError)


def _leaves(root: type[E]) -> Iterator[type[E]]:
    yield root
    for child in root.__subclasses__():
        yield from _leaves(child)


SERVICE_ERRORS: dict[str, type[ServiceError]] = {
    kind.known_code: kind for kind in _leaves(ServiceError)
}
"""The class of each code of an answer."""

JOB_ERRORS: dict[str, type[JobFailed]] = {kind.known_code: kind for kind in _leaves(JobFailed)}
"""The class of each code of a failed job."""

_BY_STATUS: dict[int, type[ServiceError]] = {
    HTTPStatus.BAD_REQUEST: InvalidRequest,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: InvalidLink,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Gone,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidRequest,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
    HTTPStatus.BAD_GATEWAY: Unavailable,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
    HTTPStatus.GATEWAY_TIMEOUT: Unavailable,
}


MAX_DETAIL_CHARACTERS = 4_000
"""A longer message of the service is cut."""


def service_error(status: int, problem: Mapping[str, Any]) -> ServiceError:
    """Return the error for an answer with a status of 400 or more and its problem+json (empty without one)."""
    code = str(problem.get("code") or "")
    kind = SERVICE_ERRORS.get(code) or _BY_STATUS.get(status, ServiceError)
    errors = problem.get("errors")
    listed = errors if isinstance(errors, list) else []
    flaws = [_flaw(one) for one in listed if isinstance(one, Mapping)]
    detail = str(problem.get("detail") or f"The service answered with status {status}.")
    detail = detail[:MAX_DETAIL_CHARACTERS]
    return kind(
        detail,
        code=code or f"http_{status}",
        status=status,
        flaws=flaws,
        request_id=str(problem.get("request_id") or ""),
    )


def _flaw(error: Mapping[str, Any]) -> Flaw:
    detail = str(error.get("detail", ""))[:MAX_DETAIL_CHARACTERS]
    pointer, file = error.get("pointer"), error.get("file")
    return Flaw(detail, pointer and str(pointer), file and str(file))


def job_error(job_id: str, code: str, detail: str, *, is_retryable: bool) -> JobFailed:
    """Return the error of a failed job, as its worker reported it."""
    kind = JOB_ERRORS.get(code, JobFailed)
    return kind(f"{job_id} failed: {detail}", job_id=job_id, code=code, is_retryable=is_retryable)
