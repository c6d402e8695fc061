"""Every error that the client raises on purpose, in one tree that mirrors the service's own codes.

HandsOffError
├── ServiceError                 the service answered with a problem; its leaves have the service's `code`
│   ├── InvalidRequest           invalid_request        what was asked cannot be done as it stands
│   │   ├── InvalidUpload        invalid_upload         a file that is not what it should be
│   │   ├── InvalidCursor        invalid_cursor         not a cursor of this list
│   │   └── IdempotencyMismatch  idempotency_mismatch   the key came before with another body
│   ├── InvalidLink              invalid_link           a download link that has expired
│   ├── NotFound                 not_found              no such thing
│   ├── Conflict                 conflict               the thing is not in the state that this needs
│   │   ├── BuiltIn              built_in               what the service brings along is not deleted
│   │   ├── GeneratorNotReady    generator_not_ready    a fit needs a generator whose import has succeeded
│   │   ├── FitNotReady          fit_not_ready          batches and streams need a succeeded fit
│   │   ├── JobNotFinished       job_not_finished       only what has ended can be deleted
│   │   ├── NotRendered          not_rendered           the result is asked for before it is there
│   │   ├── RequestInProgress    request_in_progress    the same request is being served now
│   │   ├── UploadIncomplete     upload_incomplete      not all bytes are there that were announced
│   │   └── UploadUsed           upload_used            an upload serves one job, and this one has served
│   ├── Gone                     deleted                it was here and has been deleted
│   ├── ShardFailed              shard_failed           a shard of a stream that cannot be rendered
│   ├── TooLarge                 too_large              a limit of size or number was passed
│   └── Unavailable              unavailable            trouble of the service's own; tried again before it is raised
│       ├── QueueUnavailable     queue_unavailable
│       ├── ShardNotReady        shard_not_ready        a shard of a stream that is still being rendered
│       └── StoreUnavailable     store_unavailable
├── JobEnded                     a job was waited for and did not succeed
│   ├── JobCancelled             it was cancelled, or its time was over
│   └── JobFailed                job_failed             its worker says why; the leaves have the worker's `code`
│       ├── AcceptanceTooLow     acceptance_too_low     hardly any sample satisfies the request
│       ├── OutOfMemory          out_of_memory          not even one image fits the device
│       ├── InputMissing         input_missing          something that the request names is gone
│       ├── InvalidCheckpoint    invalid_checkpoint     no generator can be made of the file
│       ├── UploadDamaged        upload_damaged         the bytes are not those that were announced
│       └── WorkerLost           worker_lost            the worker died on every attempt
├── Unreachable                  no answer at all, however often it was tried
├── InvalidAnswer                an answer that this client does not understand
├── WaitTimeout                  the job goes on, but the time to wait for it is over
├── ChecksumMismatch             a download whose bytes are not those that were promised
└── InvalidInput                 a file or folder of yours is not what was expected; nothing was sent

A code that this client is too old to know gives the nearest class of its status; `code` is then what came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

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


class HandsOffError(Exception):
    """The root of everything that this package raises on purpose."""


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


class TooLarge(ServiceError):
    """A limit of size or number was passed."""

    known_code = "too_large"
    known_status = 413


class Unavailable(ServiceError):
    """Something that the service rests on does not answer."""

    known_code = "unavailable"
    known_status = 503


class QueueUnavailable(Unavailable):
    """The service's Redis does not answer."""

    known_code = "queue_unavailable"


class ShardNotReady(Unavailable):
    """A shard of a stream is still being rendered."""

    known_code = "shard_not_ready"


class StoreUnavailable(Unavailable):
    """The service's object store does not answer."""

    known_code = "store_unavailable"


class JobEnded(HandsOffError):
    """A job has ended, but not well. `job_id` and `status` say which and how."""

    def __init__(self, detail: str, *, job_id: str, status: str) -> None:
        super().__init__(detail)
        self.job_id = job_id
        self.status = status


class JobCancelled(JobEnded):
    """Somebody cancelled the job, or its time was over."""


class JobFailed(JobEnded):
    """The job failed. `is_retryable` says whether the same request may succeed when it is made again."""

    known_code: ClassVar[str] = "job_failed"

    def __init__(
        self, detail: str, *, job_id: str, code: str | None = None, is_retryable: bool = False
    ) -> None:
        super().__init__(detail, job_id=job_id, status="failed")
        self.code = code or self.known_code
        self.is_retryable = is_retryable


class AcceptanceTooLow(JobFailed):
    """Hardly any candidate satisfies what the request demands of a sample."""

    known_code = "acceptance_too_low"


class OutOfMemory(JobFailed):
    """Not even one image at a time fits the worker's device."""

    known_code = "out_of_memory"


class InputMissing(JobFailed):
    """Something that the request names is gone."""

    known_code = "input_missing"


class InvalidCheckpoint(JobFailed):
    """No generator can be made of the file; the message says why."""

    known_code = "invalid_checkpoint"


class UploadDamaged(JobFailed):
    """The bytes in the store are not those that were announced."""

    known_code = "upload_damaged"


class WorkerLost(JobFailed):
    """The worker died on every attempt."""

    known_code = "worker_lost"


class Unreachable(HandsOffError):
    """No answer at all. The message names the address and the last trouble."""


class InvalidAnswer(HandsOffError):
    """An answer that this client does not understand: not our service, or a much newer one."""


class WaitTimeout(HandsOffError):
    """The job has not ended in the time that was given; it goes on."""


class ChecksumMismatch(HandsOffError):
    """A download whose bytes are not those that the service promised; nothing of it was kept."""


class InvalidInput(HandsOffError):
    """A file or folder of yours is not what was expected; nothing was sent."""
