"""The problems that the service answers with, as errors that have its codes (the tree is in `errors.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from handsoff_shards.errors import HandsOffError

MAX_SHOWN_FLAWS = 5
"""How many flaws a message names; `flaws` has all."""


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with a request: where (a JSON pointer into the body, or a file) and what to do."""

    detail: str
    pointer: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        where = self.file or self.pointer
        return f"{where}: {self.detail}" if where else self.detail


def _in_words(detail: str, flaws: Sequence[Flaw]) -> str:
    """The detail and the first flaws; a detail that only repeats a flaw is left out, for the flaw says where."""
    shown = [str(flaw) for flaw in flaws[:MAX_SHOWN_FLAWS]]
    if all(flaw.detail != detail for flaw in flaws):
        shown.insert(0, detail)
    if len(flaws) > MAX_SHOWN_FLAWS:
        shown.append(f"And {len(flaws) - MAX_SHOWN_FLAWS} more.")
    return " ".join(shown)


class ServiceError(HandsOffError):
    """The service answered with a problem. `request_id` finds it in the service's log."""

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
        super().__init__(_in_words(detail, flaws))
        self.detail = detail
        self.code = code or self.known_code
        self.status = status or self.known_status
        self.flaws = tuple(flaws)
        self.request_id = request_id


class InvalidRequest(ServiceError):
    """What was asked cannot be done as it stands; `flaws` says what and where."""

    known_code = "invalid_request"
    known_status = 422


class InvalidUpload(InvalidRequest):
    """One or more uploaded files are not what they should be; each flaw names its file."""

    known_code = "invalid_upload"


class UnreadableBody(InvalidRequest):
    """A body that the service cannot read."""

    known_code = "unreadable_body"
    known_status = 400


class InvalidCursor(InvalidRequest):
    """The cursor is not one that this list handed out."""

    known_code = "invalid_cursor"


class IdempotencyMismatch(InvalidRequest):
    """The same Idempotency-Key came before with another body."""

    known_code = "idempotency_mismatch"


class InvalidLink(ServiceError):
    """A download link whose time is over."""

    known_code = "invalid_link"
    known_status = 403


class SlowBody(ServiceError):
    """The body arrived too slowly at the service."""

    known_code = "request_timeout"
    known_status = 408


class ForeignHost(ServiceError):
    """The service does not answer for the host of this URL."""

    known_code = "foreign_host"
    known_status = 421


class ForeignOrigin(ServiceError):
    """A web page of another origin asked for a change."""

    known_code = "foreign_origin"
    known_status = 403


class NotFound(ServiceError):
    """No such thing, for this caller."""

    known_code = "not_found"
    known_status = 404


class Conflict(ServiceError):
    """The request is sound, but the thing it is about is not in the state it needs."""

    known_code = "conflict"
    known_status = 409


class BuiltIn(Conflict):
    """What comes with the service cannot be deleted."""

    known_code = "built_in"


class GeneratorNotReady(Conflict):
    """A generator was to be used whose import has not succeeded."""

    known_code = "generator_not_ready"


class FitNotReady(Conflict):
    """A batch was asked of a fit that has not succeeded."""

    known_code = "fit_not_ready"


class JobNotFinished(Conflict):
    """Only a job that has ended can be deleted."""

    known_code = "job_not_finished"


class NotRendered(Conflict):
    """A result was asked for that the job has not made, or never will."""

    known_code = "not_rendered"


class RequestInProgress(Conflict):
    """The same Idempotency-Key is being served at this moment."""

    known_code = "request_in_progress"


class UploadIncomplete(Conflict):
    """Not all of the announced bytes have been sent."""

    known_code = "upload_incomplete"


class UploadUsed(Conflict):
    """An upload serves one job, and this one has served."""

    known_code = "upload_used"


class Gone(ServiceError):
    """It was here and has been deleted."""

    known_code = "deleted"
    known_status = 410


class ShardFailed(ServiceError):
    """A shard of a stream could not be rendered; the message says why."""

    known_code = "shard_failed"
    known_status = 500


class ExportFailed(ServiceError):
    """A batch could not be put into another format; the message says why."""

    known_code = "export_failed"
    known_status = 500


class TooLarge(ServiceError):
    """A limit of size or number was passed."""

    known_code = "too_large"
    known_status = 413


class Unavailable(ServiceError):
    """Something that the service rests on does not answer."""

    known_code = "unavailable"
    known_status = 503


class ExportNotReady(Unavailable):
    """A batch in another format is still being made."""

    known_code = "export_not_ready"


class QueueUnavailable(Unavailable):
    """The service's Redis does not answer."""

    known_code = "queue_unavailable"


class ShardNotReady(Unavailable):
    """A shard of a stream is still being rendered."""

    known_code = "shard_not_ready"


class StoreUnavailable(Unavailable):
    """The service's object store does not answer."""

    known_code = "store_unavailable"
