"""Builds the answer for a job: status code, `Retry-After`, a weak `ETag`, and the fields of every kind."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Response

from app.http.links import Links
from app.http.requests import Exchange
from app.jobs.service import JobState
from contracts.base import now
from contracts.digests import digest_of
from contracts.jobs import JobEnvelope

V = TypeVar("V", bound=JobEnvelope[Any])

_EXPIRING: dict[str, Any] = {
    "links": True,
    "sheet": True,
    "files": {"__all__": {"url", "expires_at"}},
    "training": {"snapshots": {"__all__": {"sheet"}}},
}
"""The fields of views that contain signed links."""

NOT_SHOWN = ("tenant", "idempotency", "origin", "expires_after_seconds", "id", "created_at")
"""The fields of a request that no view copies: they are not for callers, or `envelope` has them."""

_MAX_RETRY_SECONDS = 15
_AGE_PER_RETRY_SECOND = 10


def envelope(state: JobState, links: Links) -> dict[str, Any]:
    """Return the fields that all kinds of job have in their views, except `kind` and `metrics`."""
    request, manifest = state.record.request, state.record.manifest
    noun = state.ref.noun
    return {
        "id": request.id,
        "status": state.status,
        "created_at": request.created_at,
        "started_at": manifest.started_at if manifest else state.live.started_at,
        "finished_at": manifest.finished_at if manifest else None,
        "progress": state.progress,
        "is_stale": state.is_stale,
        "queue_position": state.queue_position,
        "attempt": state.live.attempt,
        "error": manifest.error if manifest else None,
        "kept_until": _kept_until(state),
        "links": {
            "self": links.resource(noun, request.id),
            "events": links.resource(noun, request.id, "events"),
            "cancel": links.resource(noun, request.id, "cancel"),
        },
    }


def _kept_until(state: JobState) -> datetime | None:
    """Return when a job that has ended is deleted, or None."""
    seconds, manifest = state.record.request.expires_after_seconds, state.record.manifest
    if manifest is None or seconds is None:
        return None
    return manifest.finished_at + timedelta(seconds=seconds)


def with_status(response: Response, view: V) -> V:
    """Set the status code after a create or a cancel: 202 until the job has ended, then 200."""
    if view.status.is_terminal:
        response.status_code = HTTPStatus.OK
    else:
        response.status_code = HTTPStatus.ACCEPTED
        response.headers["Retry-After"] = str(_retry_after(view))
    return view


def conditional(exchange: Exchange, view: V) -> Response:
    """Return the view with its `ETag`, or 304 if the caller has it. The tag ignores links, because they expire.

    The view is checked already. FastAPI would check and encode it a second time.
    """
    response = exchange.response
    etag = f'W/"{digest_of(view.model_dump(mode="json", exclude=_EXPIRING))[:32]}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    if not view.status.is_terminal:
        response.headers["Retry-After"] = str(_retry_after(view))
    if etag in exchange.request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=dict(response.headers))
    return Response(
        view.model_dump_json(by_alias=True),
        media_type="application/json",
        headers=dict(response.headers),
    )


def _retry_after(view: JobEnvelope[Any]) -> int:
    """Return the seconds until the next poll: 1 for a new job, up to 15 for an old one."""
    age = (now() - view.created_at).total_seconds()
    return max(1, min(_MAX_RETRY_SECONDS, int(age / _AGE_PER_RETRY_SECOND)))
