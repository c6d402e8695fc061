"""The models of all kinds of job: reference, status, progress, error, request, manifest and envelope.

The kind of a job is the resource that it makes: a generator, an inverter, a fit or a batch (`contracts/kinds.py`). Its
reference (`default/fit_0192...`) is the argument that crosses the queue.
"""

from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field

from contracts.accounts.estimates import CostEstimate
from contracts.base import Model, Sha256, Timestamp
from contracts.ids import JobId, TenantId, plural_of, prefix_of

M = TypeVar("M")


class JobStatus(StrEnum):
    """The status of a job. The statuses of RQ are never shown."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, so that its status never changes again."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TerminalStatus = Literal[JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]


class JobRef(Model):
    """Reference to one job of one tenant. Its text is `tenant/id`; the prefix of the id is the kind."""

    tenant: TenantId
    id: JobId

    @property
    def kind(self) -> str:
        """The name of the job's kind."""
        return prefix_of(self.id)

    @property
    def noun(self) -> str:
        """The plural of the kind: a folder of the store and a path of the API."""
        return plural_of(self.kind)

    @property
    def owner(self) -> "JobRef":
        """The job itself, as a task may work on a whole job."""
        return self

    @property
    def part(self) -> str:
        """Empty, for the whole job."""
        return ""

    def __str__(self) -> str:
        return f"{self.tenant}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValidationError` for other text."""
        tenant, _, job_id = text.partition("/")
        return cls(tenant=tenant, id=job_id)

    @classmethod
    def of_argument(cls, argument: str) -> Self:
        """Return the job of a call's argument, which is a job or a part of one (`tenant/id/part`)."""
        return cls.parse("/".join(argument.split("/")[:2]))


class ShardRef(Model):
    """Reference to one shard of one batch: `tenant/batch_0192.../17`."""

    batch: JobRef
    index: Annotated[int, Field(ge=0)]

    @property
    def owner(self) -> JobRef:
        """The batch."""
        return self.batch

    @property
    def part(self) -> str:
        """The index of the shard, in six digits."""
        return f"{self.index:06d}"

    def __str__(self) -> str:
        return f"{self.batch}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValidationError` for other text."""
        batch, _, index = text.rpartition("/")
        return cls.model_validate({"batch": JobRef.parse(batch), "index": index})


class Progress(Model):
    """The progress of a running job. `done` and `total` count the unit of the stage (steps, images, shards)."""

    stage: str
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    eta_seconds: Annotated[float, Field(ge=0)] | None = None


class JobError(Model):
    """The error of a failed job. `retryable` is true if the same request may succeed on another attempt."""

    code: str
    detail: str
    retryable: bool = False


class Idempotency(Model):
    """The `Idempotency-Key` of a create, and the digest of its body."""

    key: str
    fingerprint: Sha256


class Origin(Model):
    """The HTTP request that created a resource: its id, and the W3C trace that it belongs to."""

    request_id: str
    traceparent: str | None = None


class StoredRequest(Model):
    """`request.json`: the app writes it before it queues a call, with all defaults resolved. It never changes."""

    tenant: TenantId
    id: str
    created_at: Timestamp
    idempotency: Idempotency | None = None
    origin: Origin | None = None


ExpiresAfter = Annotated[int, Field(ge=60, le=3_660 * 86_400)]
"""Seconds after the end of a job until it is deleted."""


class Request(StoredRequest):
    """The request of a job. Without `expires_after_seconds` it is kept. `estimate` is the cost predicted at first."""

    expires_after_seconds: ExpiresAfter | None = None
    estimate: CostEstimate | None = None

    @property
    def ref(self) -> JobRef:
        """The job's reference."""
        return JobRef(tenant=self.tenant, id=self.id)

    @property
    def waits_for(self) -> JobRef | None:
        """The job that must succeed before this one starts; None once it has, and for most jobs."""
        return None

    def started(self, start: "JobStart") -> Self:
        """Return the request of a job that waited for another one, with what the other one made."""
        raise NotImplementedError(f"expected a job that waits for another one, got '{self.id}'")


class JobStart(Model):
    """`start.json`: a job that waited for another one may start. `digest` is that of what the other one made.

    The first one stays. So the job does not change when the other one is deleted later.
    """

    digest: Sha256
    started_at: Timestamp


class JobManifest(Model):
    """The common fields of `manifest.json`: how and when a job ended. It is written last, and the first one stays."""

    status: TerminalStatus
    started_at: Timestamp | None
    finished_at: Timestamp
    error: JobError | None = None


class Cancellation(Model):
    """`cancel.json`: the caller has cancelled the job."""

    requested_at: Timestamp


class Tombstone(Model):
    """`tombstone.json`: the job is deleted, or being deleted. It is written before the first object is deleted.

    On a full disk the request is renamed to it, so a reader must expect other content.
    """

    deleted_at: Timestamp


class Live(Model):
    """The data in Redis about a job that has not ended. It may be lost.

    `reported_at` is the time of the last report of a worker; None from version 0.1.0.
    """

    started_at: Timestamp | None = None
    attempt: Annotated[int, Field(ge=0)] = 0
    progress: Progress | None = None
    reported_at: Timestamp | None = None


class JobEnvelope(Model, Generic[M]):
    """The common fields of all jobs in the API. `M` is the type of the metrics."""

    id: str
    kind: str
    status: JobStatus
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    progress: Progress | None = None
    is_stale: bool = False
    queue_position: Annotated[int, Field(ge=0)] | None = None
    attempt: Annotated[int, Field(ge=0)] = 0
    error: JobError | None = None
    metrics: M | None = None
    kept_until: Timestamp | None = None
    estimate: CostEstimate | None = None
    links: dict[str, str] = Field(default_factory=dict)
