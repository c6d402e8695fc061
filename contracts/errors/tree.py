"""Every error we raise on purpose, in one tree: a stable `code`, an HTTP `status`, facts as attributes.

HandsOffError
├── InvalidRequest            422  invalid_request           what was asked cannot be done as it stands
│   ├── InvalidUpload         422  invalid_upload            a file that is not what it should be
│   ├── UnreadableBody        400  unreadable_body           a body that cannot be read
│   ├── InvalidCursor         422  invalid_cursor            not a cursor of ours, or of another list
│   └── IdempotencyMismatch   422  idempotency_mismatch      the key came before with another body
├── InvalidLink               403  invalid_link              a download link that is forged or has expired
├── SlowBody                  408  request_timeout           a body that arrives too slowly
├── ForeignHost               421  foreign_host              the request asks for a name that is not this service's
├── ForeignOrigin             403  foreign_origin            a web page elsewhere asks for a change
├── NotFound                  404  not_found                 no such thing for this caller
├── Conflict                  409  conflict
│   ├── BuiltIn               409  built_in                  what the service brings along is not deleted
│   ├── FitNotReady           409  fit_not_ready             batches and streams need a succeeded fit
│   ├── GeneratorNotReady     409  generator_not_ready       a fit needs a generator whose import has succeeded
│   ├── JobNotFinished        409  job_not_finished          only what has ended can be deleted
│   ├── NotRendered           409  not_rendered              the result is asked for before it is there
│   ├── RequestInProgress     409  request_in_progress       the same Idempotency-Key is being served now
│   ├── UploadIncomplete      409  upload_incomplete         not all bytes are there that were announced
│   └── UploadUsed            409  upload_used               an upload serves one job, and this one has served
├── Gone                      410  deleted                   it was here and has been deleted
├── ShardFailed               500  shard_failed              a shard of a stream that cannot be rendered
├── ExportFailed              500  export_failed             a batch that cannot be had in another format
├── TooLarge                  413  too_large                 a limit of size or number was passed
├── Unavailable               503  unavailable
│   ├── ExportNotReady        503  export_not_ready          a batch in another format that is still being made
│   ├── QueueUnavailable      503  queue_unavailable         Redis does not answer; nothing was stored
│   ├── ShardNotReady         503  shard_not_ready           a shard of a stream that is still being rendered
│   └── StoreUnavailable      503  store_unavailable         the object store does not answer
└── JobFailed                 500  job_failed                what a worker writes into a manifest
    ├── AcceptanceTooLow      500  acceptance_too_low        hardly any sample satisfies the request
    ├── OutOfMemory           500  out_of_memory             not even one image fits the device
    ├── InputMissing          500  input_missing             an object that the request pins is gone
    ├── InvalidCheckpoint     500  invalid_checkpoint        no generator of ours can be made of the file
    ├── UploadDamaged         500  upload_damaged            the bytes are not those that were announced
    └── WorkerLost            500  worker_lost               the worker died on every attempt

Those below `Conflict` are in `conflicts.py`, those below `JobFailed` in `job_errors.py`, the others here.
"""

from collections.abc import Sequence
from typing import ClassVar

from contracts.base import Model
from contracts.ids import plural_of


class Flaw(Model):
    """One thing wrong with a request: where (a JSON pointer into the body, or a file) and what to do."""

    detail: str
    pointer: str | None = None
    file: str | None = None


class HandsOffError(Exception):
    """The root. `detail` says what came, what was expected and what to do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"
    retry_after_seconds: int | None = None

    def __init__(self, detail: str, *, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.flaws = tuple(flaws)


class InvalidRequest(HandsOffError):
    """What was asked cannot be done as it stands; `flaws` says what and where."""

    code = "invalid_request"
    status = 422
    title = "The request cannot be carried out as it is"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "InvalidRequest":
        """An error about one place of the body."""
        return cls(detail, flaws=[Flaw(pointer=pointer, detail=detail)])


class InvalidUpload(InvalidRequest):
    """One or more uploaded files are not what they should be; each flaw names its file."""

    code = "invalid_upload"
    title = "An uploaded file is not usable"


class UnreadableBody(InvalidRequest):
    """A body that cannot be read: not UTF-8, nested too deep, or with numbers beyond measure."""

    code = "unreadable_body"
    status = 400
    title = "The body cannot be read"


class InvalidCursor(InvalidRequest):
    """The cursor is not one that this list handed out."""

    code = "invalid_cursor"
    title = "The cursor does not belong to this list"


class IdempotencyMismatch(InvalidRequest):
    """The same Idempotency-Key came before with another body."""

    code = "idempotency_mismatch"
    title = "The Idempotency-Key was used for another request"


class InvalidLink(HandsOffError):
    """A download link whose signature is wrong or whose time is over."""

    code = "invalid_link"
    status = 403
    title = "The link is not valid"


class SlowBody(HandsOffError):
    """A body that pauses too long, or arrives too slowly."""

    code = "request_timeout"
    status = 408
    title = "The body arrives too slowly"


class ForeignHost(HandsOffError):
    """The request asks for a host that this service does not answer for; `host` is what it named."""

    code = "foreign_host"
    status = 421
    title = "The service does not answer for this host"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Expected a host of this service in the Host header, found {host}. Ask for localhost or 127.0.0.1, or add"
            " the name to HANDSOFF_ALLOWED_HOSTS where the service runs."
        )
        self.host = host


class ForeignOrigin(HandsOffError):
    """A web page of another origin asks for a change; `found` is the header that says so."""

    code = "foreign_origin"
    status = 403
    title = "Pages of other origins may not change anything"

    def __init__(self, found: str) -> None:
        super().__init__(
            f"Expected a request of this service's own pages or of a program, found {found}. Behind a proxy, set"
            " HANDSOFF_PUBLIC_URL to the address that browsers use."
        )
        self.found = found


class NotFound(HandsOffError):
    """No such thing, for this caller."""

    code = "not_found"
    status = 404
    title = "There is no such thing"

    def __init__(self, noun: str, name: str) -> None:
        plural = plural_of(noun)
        advice = f"GET /v1/{plural} lists what there is."
        if noun == "upload":  # it is gone once it was used: nobody keeps a list of them
            advice = "POST /v1/uploads announces one."
        super().__init__(f"There is no {noun} '{name}'. {advice}")
        self.noun = noun
        self.name = name


class Gone(HandsOffError):
    """It was here and has been deleted."""

    code = "deleted"
    status = 410
    title = "It has been deleted"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"The {noun} '{name}' has been deleted, and its data with it.")
        self.noun = noun
        self.name = name


class ShardFailed(HandsOffError):
    """A shard of a stream could not be rendered; `cause_code` is the code of what a worker met."""

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
    """A batch could not be put into another format; `cause_code` is the code of what a worker met."""

    code = "export_failed"
    title = "The export cannot be made"

    def __init__(self, batch_id: str, export_format: str, cause_code: str, cause: str) -> None:
        super().__init__(
            f"'{batch_id}' could not be exported as {export_format} ({cause_code}): {cause}"
        )
        self.batch_id = batch_id
        self.export_format = export_format
        self.cause_code = cause_code


class TooLarge(HandsOffError):
    """A limit of size or number was passed."""

    code = "too_large"
    status = 413
    title = "Too large"


class Unavailable(HandsOffError):
    """Something that we rest on does not answer."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    retry_after_seconds = 5


class ExportNotReady(Unavailable):
    """A batch in another format is still waiting, or being made."""

    code = "export_not_ready"
    title = "The export is being made"
    retry_after_seconds = 1

    def __init__(self, batch_id: str, export_format: str) -> None:
        super().__init__(
            f"'{batch_id}' is being exported as {export_format}. Ask again; ?wait=30 waits up to 30 seconds for it."
        )
        self.batch_id = batch_id
        self.export_format = export_format


class QueueUnavailable(Unavailable):
    """Redis does not answer."""

    code = "queue_unavailable"
    title = "The queue does not answer"


class ShardNotReady(Unavailable):
    """A shard of a stream is still waiting, or being rendered."""

    code = "shard_not_ready"
    title = "The shard is being rendered"
    retry_after_seconds = 1

    def __init__(self, stream_id: str, index: int) -> None:
        super().__init__(
            f"Shard {index} of '{stream_id}' is being rendered. Ask again; ?wait=30 waits up to 30 seconds for it."
        )
        self.stream_id = stream_id
        self.index = index


class StoreUnavailable(Unavailable):
    """The object store does not answer."""

    code = "store_unavailable"
    title = "The object store does not answer"
