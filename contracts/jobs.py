"""What every job has, whatever it makes: a reference, a status, progress, an error, an end, an envelope.

A job's kind is the noun that it makes: a generator (by importing a checkpoint), an inverter, a fit, a batch. Its
reference (`default/fit_0192...`) is the one argument that crosses the queue.
"""

from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar, cast

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp
from contracts.ids import GeneratorId, TenantId

M = TypeVar("M")

JobKind = Literal["generator", "inverter", "fit", "batch"]
JOB_KINDS: tuple[JobKind, ...] = ("generator", "inverter", "fit", "batch")
"""In the order in which one needs the other."""


class JobStatus(StrEnum):
    """The one list of statuses; the queue's own states never leak."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """True when nothing can follow."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED}
)

TerminalStatus = Literal[
    JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED
]


class JobRef(Model):
    """Names one job of one tenant. Its text is `tenant/id`, and the id's prefix is the kind.

    A name without a prefix is that of a built-in generator, whose import a worker has done on its own.
    """

    tenant: TenantId
    id: GeneratorId | Annotated[str, Field(pattern=r"^(inverter|fit|batch)_[0-9a-f]{32}$")]

    @property
    def kind(self) -> JobKind:
        """What the job makes, read from the id."""
        prefix, mark, _ = self.id.partition("_")
        return cast("JobKind", prefix) if mark else "generator"

    def __str__(self) -> str:
        return f"{self.tenant}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises `ValidationError` for anything else."""
        tenant, _, job_id = text.partition("/")
        return cls(tenant=tenant, id=job_id)


class ShardRef(Model):
    """Names one shard of one batch: `tenant/batch_0192.../17`."""

    batch: JobRef
    index: Annotated[int, Field(ge=0)]

    def __str__(self) -> str:
        return f"{self.batch}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises `ValidationError` for anything else."""
        batch, _, index = text.rpartition("/")
        return cls.model_validate({"batch": JobRef.parse(batch), "index": index})


class Progress(Model):
    """How far a running job is. `done` of `total` counts the stage's own unit (steps, images, shards)."""

    stage: str
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    eta_seconds: Annotated[float, Field(ge=0)] | None = None


class JobError(Model):
    """Why a job failed. `retryable` says whether the same request may succeed when it is made again."""

    code: str
    detail: str
    retryable: bool = False


class Idempotency(Model):
    """The caller's `Idempotency-Key` and the digest of the body it came with."""

    key: str
    fingerprint: Sha256


class Asked(Model):
    """What the app writes as `request.json` before anything is queued: everything resolved, never changed."""

    tenant: TenantId
    id: str
    created_at: Timestamp
    idempotency: Idempotency | None = None


class Request(Asked):
    """What was asked of a job."""

    @property
    def ref(self) -> JobRef:
        """The reference that crosses the queue."""
        return JobRef(tenant=self.tenant, id=self.id)


class Outcome(Model):
    """What every `manifest.json` of a job says: how it ended and when. Written last; the first one stands."""

    status: TerminalStatus
    started_at: Timestamp | None
    finished_at: Timestamp
    error: JobError | None = None


class Cancellation(Model):
    """`cancel.json`: the caller wants the job to stop."""

    requested_at: Timestamp


class Tombstone(Model):
    """`tombstone.json`: the job's data is gone or going. Written before the first object is deleted.

    On a full disk the request is renamed to it: whoever finds an object there need not be able to read it.
    """

    deleted_at: Timestamp


class Live(Model):
    """What Redis knows of a job that has not ended. A hint: losing it loses no fact."""

    started_at: Timestamp | None = None
    attempt: Annotated[int, Field(ge=0)] = 0
    progress: Progress | None = None


class JobEnvelope(Model, Generic[M]):
    """The one envelope around every job that the API answers with. `M` is what the kind measures."""

    id: str
    kind: JobKind
    status: JobStatus
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    progress: Progress | None = None
    queue_position: Annotated[int, Field(ge=0)] | None = None
    attempt: Annotated[int, Field(ge=0)] = 0
    error: JobError | None = None
    metrics: M | None = None
    links: dict[str, str] = Field(default_factory=dict)
