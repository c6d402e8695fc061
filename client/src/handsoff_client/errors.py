"""Every error that the client raises on purpose, in one tree that mirrors the service's codes.

HandsOffError
├── ServiceError                 the service answered with an error; each subclass has one `code` of the service
│   ├── InvalidRequest           invalid_request        the request is invalid
│   │   ├── InvalidUpload        invalid_upload         an uploaded file is invalid
│   │   ├── UnreadableBody       unreadable_body        the service cannot read the body
│   │   ├── InvalidCursor        invalid_cursor         the cursor does not belong to this list
│   │   └── IdempotencyMismatch  idempotency_mismatch   the key was used before with another body
│   ├── Unauthorized             unauthorized           no API key, or one that is not valid
│   ├── Forbidden                forbidden              the API key lacks a scope
│   ├── InvalidLink              invalid_link           the download link has expired
│   ├── SlowBody                 request_timeout        the service received the body too slowly
│   ├── ForeignHost              foreign_host           the service does not answer for the host of this URL
│   ├── ForeignOrigin            foreign_origin         a web page of another origin requested a change
│   ├── NotFound                 not_found              the resource does not exist
│   ├── Conflict                 conflict               the resource is in the wrong state
│   │   ├── BuiltIn              built_in               a resource of the service itself cannot be deleted
│   │   ├── GeneratorNotReady    generator_not_ready    a fit needs a generator whose import has succeeded
│   │   ├── FitNotReady          fit_not_ready          batches and streams need a succeeded fit
│   │   ├── JobNotFinished       job_not_finished       a job can be deleted only after its end
│   │   ├── NotRendered          not_rendered           the job has not produced the result
│   │   ├── NotResumable         not_resumable          only a batch that failed or was cancelled can be resumed
│   │   ├── NotSteered           not_steered            the stream does not answer reports
│   │   ├── NotTrained           not_trained            only a training can be ended early with a result
│   │   ├── RequestInProgress    request_in_progress    the same request is in progress
│   │   ├── UploadIncomplete     upload_incomplete      announced bytes are missing
│   │   └── UploadUsed           upload_used            an upload can be used for one job
│   ├── Gone                     deleted                the resource was deleted
│   ├── RecordDamaged            record_damaged         the service cannot read a stored record
│   ├── ShardFailed              shard_failed           a shard of a stream could not be rendered
│   ├── ExportFailed             export_failed          a batch could not be exported
│   ├── TooManyRequests          too_many_requests      the tenant has used up its requests of this minute
│   ├── QuotaExceeded            quota_exceeded         a limit of the tenant is reached
│   ├── TooLarge                 too_large              a limit of size or number is exceeded
│   └── Unavailable              unavailable            a part of the service does not answer; raised after retries
│       ├── ExportNotReady       export_not_ready       the export of a batch is not finished
│       ├── QueueFull            queue_full             too much work waits in the queue of the job
│       ├── QueueUnavailable     queue_unavailable
│       ├── ShardNotReady        shard_not_ready        the shard of a stream is not rendered yet
│       └── StoreUnavailable     store_unavailable
├── JobEnded                     `wait` ended, because the job did not succeed
│   ├── JobCancelled             the job was cancelled, or it expired
│   └── JobFailed                job_failed             the worker says why; each subclass has one `code` of the worker
│       ├── AcceptanceTooLow     acceptance_too_low     hardly any sample satisfies the request
│       ├── OutOfMemory          out_of_memory          the device cannot hold even one image
│       ├── FitFailed            fit_failed             the fit that a batch waited for did not succeed
│       ├── InputMissing         input_missing          an input of the request was deleted
│       ├── InvalidCheckpoint    invalid_checkpoint     the file is not a supported generator
│       ├── InvalidImages        invalid_images         no generator can be trained from the images
│       ├── UploadDamaged        upload_damaged         the uploaded bytes are not the announced bytes
│       └── WorkerLost           worker_lost            the worker died on every attempt
├── Unreachable                  no answer after all attempts
├── InvalidAnswer                the client cannot read the answer
├── WaitTimeout                  the timeout of `wait` has passed; the job continues
├── ChecksumMismatch             a download has another digest than the service said
├── PushFailed                   the Hugging Face Hub did not accept a push
└── InvalidInput                 a local file or folder is invalid; nothing was sent

`service_errors.py` contains the subclasses of `ServiceError`, `handsoff_shards/errors.py` the root and `InvalidInput`,
this file the others.
An unknown code of a newer service gives the class of its HTTP status. `code` is the unknown code then.
"""

from typing import ClassVar

from handsoff_shards.errors import HandsOffError


class JobEnded(HandsOffError):
    """A job ended without success. `job_id` names it, `status` says how it ended."""

    def __init__(self, detail: str, *, job_id: str, status: str) -> None:
        super().__init__(detail)
        self.job_id = job_id
        self.status = status


class JobCancelled(JobEnded):
    """The job was cancelled, or it expired."""


class JobFailed(JobEnded):
    """The job failed. `is_retryable` is True when the same request may succeed later."""

    known_code: ClassVar[str] = "job_failed"

    def __init__(
        self, detail: str, *, job_id: str, code: str | None = None, is_retryable: bool = False
    ) -> None:
        super().__init__(detail, job_id=job_id, status="failed")
        self.code = code or self.known_code
        self.is_retryable = is_retryable


class AcceptanceTooLow(JobFailed):
    """Hardly any candidate satisfies the filter of the request."""

    known_code = "acceptance_too_low"


class OutOfMemory(JobFailed):
    """The worker's device cannot hold even one image."""

    known_code = "out_of_memory"


class FitFailed(JobFailed):
    """The fit that a batch waited for did not succeed."""

    known_code = "fit_failed"


class InputMissing(JobFailed):
    """An input of the request was deleted."""

    known_code = "input_missing"


class InvalidCheckpoint(JobFailed):
    """The file is not a supported generator. The message says why."""

    known_code = "invalid_checkpoint"


class InvalidImages(JobFailed):
    """No generator can be trained from the images. The message names the file."""

    known_code = "invalid_images"


class UploadDamaged(JobFailed):
    """The bytes in the store are not the announced bytes."""

    known_code = "upload_damaged"


class WorkerLost(JobFailed):
    """The worker died on every attempt."""

    known_code = "worker_lost"


class Unreachable(HandsOffError):
    """No answer. The message names the address and the last error."""


class InvalidAnswer(HandsOffError):
    """The client cannot read the answer: another program answered, or a much newer service."""


class WaitTimeout(HandsOffError):
    """The job has not ended within the timeout. It continues."""


class ChecksumMismatch(HandsOffError):
    """A download has another digest than the service said. The file was deleted."""


class PushFailed(HandsOffError):
    """The Hugging Face Hub did not accept a push. The message says what to do; it never has the token."""
