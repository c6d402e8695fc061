"""Every error that the client raises on purpose, in one tree that mirrors the service's own codes.

HandsOffError
├── ServiceError                 the service answered with a problem; its leaves have the service's `code`
│   ├── InvalidRequest           invalid_request        what was asked cannot be done as it stands
│   │   ├── InvalidUpload        invalid_upload         a file that is not what it should be
│   │   ├── UnreadableBody       unreadable_body        a body that cannot be read
│   │   ├── InvalidCursor        invalid_cursor         not a cursor of this list
│   │   └── IdempotencyMismatch  idempotency_mismatch   the key came before with another body
│   ├── InvalidLink              invalid_link           a download link that has expired
│   ├── SlowBody                 request_timeout        the body arrived too slowly
│   ├── ForeignHost              foreign_host           the service does not answer for the host of this URL
│   ├── ForeignOrigin            foreign_origin         a web page elsewhere asked for a change
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
│   ├── ExportFailed             export_failed          a batch that cannot be had in another format
│   ├── TooLarge                 too_large              a limit of size or number was passed
│   └── Unavailable              unavailable            trouble of the service's own; tried again before it is raised
│       ├── ExportNotReady       export_not_ready       a batch in another format that is still being made
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

Those below `ServiceError` are in `service_errors.py`, the root and `InvalidInput` in `handsoff_shards/errors.py`, the
others here.
A code that this client is too old to know gives the nearest class of its status; `code` is then what came.
"""

from typing import ClassVar

from handsoff_shards.errors import HandsOffError


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
