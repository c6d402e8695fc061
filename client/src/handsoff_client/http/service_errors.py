"""The errors of the service's answers, one class for each code. `errors.py` draws the tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from handsoff_shards.errors import HandsOffError

MAX_SHOWN_FLAWS = 5
"""How many flaws a message names. `flaws` contains all."""


@dataclass(frozen=True)
class Flaw:
    """One problem of a request: where (a JSON pointer into the body, or a file), and what to do."""

    detail: str
    pointer: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        where = self.file or self.pointer
        return f"{where}: {self.detail}" if where else self.detail


def summarize(flaws: Sequence[Flaw]) -> str:
    """Return the first flaws as sentences, and the number of the others."""
    sentences = [str(flaw) for flaw in flaws[:MAX_SHOWN_FLAWS]]
    if len(flaws) > MAX_SHOWN_FLAWS:
        sentences.append(f"And {len(flaws) - MAX_SHOWN_FLAWS} more.")
    return " ".join(sentences)


def _message(detail: str, flaws: Sequence[Flaw]) -> str:
    """Return the detail and the first flaws. A detail that repeats a flaw is left out: the flaw also says where."""
    is_repeated = any(flaw.detail == detail for flaw in flaws)
    return " ".join(filter(None, ["" if is_repeated else detail, summarize(flaws)]))


class ServiceError(HandsOffError):
    """The service answered with an error. `request_id` identifies the request in the service's log."""

    known_code: ClassVar[str] = "internal"
    known_status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        flaws: Sequence[Flaw] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(_message(detail, flaws))
        self.detail = detail
        self.code = code or self.known_code
        self.status = status or self.known_status
        self.flaws = tuple(flaws)
        self.request_id = request_id


class InvalidRequest(ServiceError):
    """The request is invalid. `flaws` names each problem and its place."""

    known_code = "invalid_request"
    known_status = 422


class InvalidUpload(InvalidRequest):
    """At least one uploaded file is invalid. Each flaw names its file."""

    known_code = "invalid_upload"


class UnreadableBody(InvalidRequest):
    """The service cannot read the body."""

    known_code = "unreadable_body"
    known_status = 400


class InvalidCursor(InvalidRequest):
    """The cursor does not belong to this list."""

    known_code = "invalid_cursor"


class IdempotencyMismatch(InvalidRequest):
    """The Idempotency-Key was used before with another body."""

    known_code = "idempotency_mismatch"


class Unauthorized(ServiceError):
    """The service needs an API key, or does not accept this one: it is unknown, expired or revoked."""

    known_code = "unauthorized"
    known_status = 401


class Forbidden(ServiceError):
    """The API key lacks the scope that the request needs."""

    known_code = "forbidden"
    known_status = 403


class InvalidLink(ServiceError):
    """The download link has expired."""

    known_code = "invalid_link"
    known_status = 403


class SlowBody(ServiceError):
    """The service received the body too slowly."""

    known_code = "request_timeout"
    known_status = 408


class ForeignHost(ServiceError):
    """The service does not answer for the host of this URL."""

    known_code = "foreign_host"
    known_status = 421


class ForeignOrigin(ServiceError):
    """A web page of another origin requested a change."""

    known_code = "foreign_origin"
    known_status = 403


class NotFound(ServiceError):
    """The resource does not exist for this caller."""

    known_code = "not_found"
    known_status = 404


class Conflict(ServiceError):
    """The request is valid, but the resource is in the wrong state."""

    known_code = "conflict"
    known_status = 409


class BuiltIn(Conflict):
    """A resource that belongs to the service cannot be deleted."""

    known_code = "built_in"


class GeneratorNotReady(Conflict):
    """The import of the generator has not succeeded."""

    known_code = "generator_not_ready"


class FitNotReady(Conflict):
    """Batches and streams need a succeeded fit."""

    known_code = "fit_not_ready"


class JobNotFinished(Conflict):
    """A job can be deleted only after its end."""

    known_code = "job_not_finished"


class NotRendered(Conflict):
    """The job has not produced the result, and possibly never will."""

    known_code = "not_rendered"


class NotResumable(Conflict):
    """Only a batch that failed or was cancelled can be resumed."""

    known_code = "not_resumable"


class NotSteered(Conflict):
    """The stream does not answer reports."""

    known_code = "not_steered"


class NotTrained(Conflict):
    """Only a training can be ended early with a result."""

    known_code = "not_trained"


class RequestInProgress(Conflict):
    """A request with the same Idempotency-Key is in progress."""

    known_code = "request_in_progress"


class UploadIncomplete(Conflict):
    """Announced bytes of the upload are missing."""

    known_code = "upload_incomplete"


class UploadUsed(Conflict):
    """The upload was already used. An upload can be used for one job."""

    known_code = "upload_used"


class Gone(ServiceError):
    """The resource was deleted."""

    known_code = "deleted"
    known_status = 410


class RecordDamaged(ServiceError):
    """The service cannot read a stored record. Delete the resource, or restore it from a backup."""

    known_code = "record_damaged"
    known_status = 500


class ShardFailed(ServiceError):
    """A shard of a stream could not be rendered. The message says why."""

    known_code = "shard_failed"
    known_status = 500


class ExportFailed(ServiceError):
    """A batch could not be exported. The message says why."""

    known_code = "export_failed"
    known_status = 500


class TooManyRequests(ServiceError):
    """The tenant has used up its requests of this minute. Raised after retries."""

    known_code = "too_many_requests"
    known_status = 429


class QuotaExceeded(ServiceError):
    """A limit of the tenant is reached. `client.usage()` shows what is used."""

    known_code = "quota_exceeded"
    known_status = 429


class TooLarge(ServiceError):
    """A limit of size or number is exceeded."""

    known_code = "too_large"
    known_status = 413


class Unavailable(ServiceError):
    """A part of the service does not answer."""

    known_code = "unavailable"
    known_status = 503


class ExportNotReady(Unavailable):
    """The export of a batch is not finished."""

    known_code = "export_not_ready"


class QueueFull(Unavailable):
    """Too much work waits in the queue of the job."""

    known_code = "queue_full"


class QueueUnavailable(Unavailable):
    """The service's Redis does not answer."""

    known_code = "queue_unavailable"


class ShardNotReady(Unavailable):
    """The shard of a stream is not rendered yet."""

    known_code = "shard_not_ready"


class StoreUnavailable(Unavailable):
    """The service's object store does not answer."""

    known_code = "store_unavailable"
