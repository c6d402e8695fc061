"""All errors that are raised on purpose, in one tree: a stable `code`, an HTTP `status`, facts as attributes.

HandsOffError
├── InvalidRequest            422  invalid_request           the request is not valid
│   ├── InvalidUpload         422  invalid_upload            an uploaded file is not valid
│   ├── UnreadableBody        400  unreadable_body           the body cannot be parsed
│   ├── InvalidCursor         422  invalid_cursor            the cursor was not issued by this list
│   └── IdempotencyMismatch   422  idempotency_mismatch      the key was used with another body
├── Unauthorized              401  unauthorized              no API key, or one that is unknown, expired or revoked
├── Forbidden                 403  forbidden                 the API key lacks a scope, or keys are not used
├── InvalidLink               403  invalid_link              the signed link is forged or has expired
├── SlowBody                  408  request_timeout           the body arrives too slowly
├── ForeignHost               421  foreign_host              the Host header names another service
├── ForeignOrigin             403  foreign_origin            a web page of another origin requests a change
├── NotFound                  404  not_found                 the resource does not exist for this caller
├── Conflict                  409  conflict                  the resource is in the wrong state
│   ├── BuiltIn               409  built_in                  built-in resources cannot be deleted
│   ├── FitNotReady           409  fit_not_ready             batches and streams need a fit that has succeeded
│   ├── GeneratorNotReady     409  generator_not_ready       a fit needs a generator whose import has succeeded
│   ├── JobNotFinished        409  job_not_finished          only a job that has ended can be deleted
│   ├── NotRendered           409  not_rendered              the job has no results yet
│   ├── NotResumable          409  not_resumable             only a batch that failed or was cancelled can be resumed
│   ├── NotSteered            409  not_steered               the stream does not answer reports
│   ├── NotTrained            409  not_trained               only a training can be ended early with a result
│   ├── RequestInProgress     409  request_in_progress       the same Idempotency-Key is being processed
│   ├── UploadIncomplete      409  upload_incomplete         the upload has fewer bytes than announced
│   └── UploadUsed            409  upload_used               another job has already used the upload
├── Gone                      410  deleted                   the resource has been deleted
├── RecordDamaged             500  record_damaged            the stored record cannot be read
├── ShardFailed               500  shard_failed              a stream shard could not be rendered; 503: for now
├── ExportFailed              500  export_failed             a batch could not be exported; 503: for now
├── TooManyRequests           429  too_many_requests         the tenant has used up its requests of this minute
├── QuotaExceeded             429  quota_exceeded            a limit of the tenant is reached
├── TooLarge                  413  too_large                 a limit of size or number is exceeded
├── Unavailable               503  unavailable               a service or resource is temporarily unavailable
│   ├── ExportNotReady        503  export_not_ready          an export is still being made
│   ├── QueueFull             503  queue_full                too much work waits in the queue of the job
│   ├── QueueUnavailable      503  queue_unavailable         Redis does not respond; nothing was stored
│   ├── ShardNotReady         503  shard_not_ready           a stream shard is still being rendered
│   └── StoreUnavailable      503  store_unavailable         the object store does not respond
└── JobFailed                 500  job_failed                the error in a failed job's manifest
    ├── AcceptanceTooLow      500  acceptance_too_low        too few samples satisfy the request
    ├── OutOfMemory           500  out_of_memory             the device cannot hold even one image
    ├── FitFailed             500  fit_failed                the fit that a batch waited for did not succeed
    ├── InputMissing          500  input_missing             an object that the request pins is missing
    ├── InvalidCheckpoint     500  invalid_checkpoint        the checkpoint cannot be imported
    ├── InvalidImages         500  invalid_images            no generator can be trained from the images
    ├── UploadDamaged         500  upload_damaged            the stored bytes differ from the announced ones
    └── WorkerLost            500  worker_lost               the worker died on every attempt

The subclasses of `Conflict` are in `conflicts.py`, those of `JobFailed` in `jobs.py`, `QueueFull`,
`TooManyRequests` and `QuotaExceeded` in `limits.py`,
`Unauthorized` and `Forbidden` in `access.py`, the others here.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Self

from contracts.base import Model
from contracts.ids import plural_of


class Flaw(Model):
    """One error in a request: its location (a JSON pointer into the body, or a file) and a message."""

    detail: str
    pointer: str | None = None
    file: str | None = None


class HandsOffError(Exception):
    """The base class. `detail` names the expected value, the actual value and the remedy.

    `headers` are further headers of the response.
    """

    code: ClassVar[str] = "internal"
    status: int = 500
    title: ClassVar[str] = "Internal server error"
    retry_after_seconds: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, detail: str, *, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.flaws = tuple(flaws)

    def retryable_after(self, seconds: float) -> Self:
        """Return the error as a temporary one: 503, to be sent again after some seconds."""
        self.status, self.retry_after_seconds = 503, max(1, math.ceil(seconds))
        return self


class InvalidRequest(HandsOffError):
    """The request is not valid; `flaws` lists each error and its location."""

    code = "invalid_request"
    status = 422
    title = "The request is not valid"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "InvalidRequest":
        """Return an error about one location of the body, a JSON pointer."""
        return cls(detail, flaws=[Flaw(pointer=pointer, detail=detail)])


class InvalidUpload(InvalidRequest):
    """One or more uploaded files are not valid; each flaw names its file."""

    code = "invalid_upload"
    title = "An uploaded file is not valid"


class UnreadableBody(InvalidRequest):
    """The body cannot be parsed: not UTF-8, nested too deep, too many names or too long numbers."""

    code = "unreadable_body"
    status = 400
    title = "The body cannot be parsed"


class InvalidCursor(InvalidRequest):
    """The cursor was not issued by this list."""

    code = "invalid_cursor"
    title = "The cursor does not belong to this list"


class IdempotencyMismatch(InvalidRequest):
    """The same Idempotency-Key was used before with another body."""

    code = "idempotency_mismatch"
    title = "The Idempotency-Key was used for another request"


class InvalidLink(HandsOffError):
    """A signed link whose signature is wrong or that has expired."""

    code = "invalid_link"
    status = 403
    title = "The link is not valid"


class SlowBody(HandsOffError):
    """The body pauses too long or arrives too slowly."""

    code = "request_timeout"
    status = 408
    title = "The body arrives too slowly"


class NotFound(HandsOffError):
    """The resource does not exist for this caller."""

    code = "not_found"
    status = 404
    title = "The resource does not exist"

    def __init__(self, noun: str, name: str) -> None:
        advice = f"GET /v1/{plural_of(noun)} lists the existing ones."
        if noun == "upload":  # uploads have no list: they are deleted once they are used
            advice = "Announce one with POST /v1/uploads."
        super().__init__(f"The {noun} '{name}' does not exist. {advice}")
        self.noun = noun
        self.name = name


class Gone(HandsOffError):
    """The resource has been deleted."""

    code = "deleted"
    status = 410
    title = "The resource has been deleted"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"The {noun} '{name}' and its data have been deleted.")
        self.noun = noun
        self.name = name


class RecordDamaged(HandsOffError):
    """The record under `key` cannot be read. `is_torn`: it is not even JSON, as after a failed disk."""

    code = "record_damaged"
    title = "The stored record is damaged"

    def __init__(self, key: str, *, is_torn: bool = False) -> None:
        super().__init__(
            f"Expected a record of this service under '{key}', got something else. DELETE the resource, or restore it."
        )
        self.key, self.is_torn = key, is_torn


class ShardFailed(HandsOffError):
    """A stream shard could not be rendered; `cause_code` is the code of the worker's error."""

    code = "shard_failed"
    title = "The shard cannot be rendered"

    def __init__(self, stream_id: str, index: int, cause_code: str, cause: str) -> None:
        super().__init__(
            f"Shard {index} of '{stream_id}' could not be rendered ({cause_code}): {cause}"
        )
        self.stream_id = stream_id
        self.index = index
        self.cause_code = cause_code


class ExportFailed(HandsOffError):
    """A batch could not be exported; `cause_code` is the code of the worker's error."""

    code = "export_failed"
    title = "The batch cannot be exported"

    def __init__(self, batch_id: str, export_format: str, cause_code: str, cause: str) -> None:
        super().__init__(
            f"'{batch_id}' could not be exported as {export_format} ({cause_code}): {cause}"
        )
        self.batch_id = batch_id
        self.export_format = export_format
        self.cause_code = cause_code


class TooLarge(HandsOffError):
    """A limit of size or number is exceeded."""

    code = "too_large"
    status = 413
    title = "Too large"


class Unavailable(HandsOffError):
    """A service or resource is temporarily unavailable."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    retry_after_seconds = 5


class ExportNotReady(Unavailable):
    """The export is queued or being made."""

    code = "export_not_ready"
    title = "The export is being made"
    retry_after_seconds = 1

    def __init__(self, batch_id: str, export_format: str) -> None:
        super().__init__(
            f"'{batch_id}' is being exported as {export_format}. Retry; ?wait=30 waits up to 30 seconds for it."
        )
        self.batch_id = batch_id
        self.export_format = export_format


class QueueUnavailable(Unavailable):
    """Redis does not respond."""

    code = "queue_unavailable"
    title = "The queue does not respond"


class ShardNotReady(Unavailable):
    """The stream shard is queued or being rendered."""

    code = "shard_not_ready"
    title = "The shard is being rendered"
    retry_after_seconds = 1

    def __init__(self, stream_id: str, index: int) -> None:
        super().__init__(
            f"Shard {index} of '{stream_id}' is being rendered. Retry; ?wait=30 waits up to 30 seconds for it."
        )
        self.stream_id = stream_id
        self.index = index


class StoreUnavailable(Unavailable):
    """The object store does not respond."""

    code = "store_unavailable"
    title = "The object store does not respond"
