"""What jobs of every kind share: a reference, a status, progress, an error, a request, a manifest, an envelope.

A job's kind names what it makes: a generator (by importing a checkpoint), an inverter, a fit, a batch
(`contracts/kinds.py`). Its reference (`default/fit_0192...`) is the argument that crosses the queue.
"""

from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field

from contracts.base import Model, Sha256, Timestamp
from contracts.ids import JobId, TenantId, plural_of, prefix_of

M = TypeVar("M")


class JobStatus(StrEnum):
    """The statuses of a job. RQ's own statuses are never shown."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True when the status never changes again."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TerminalStatus = Literal[JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]


class JobRef(Model):
    """Names one job of one tenant. Its text is `tenant/id`, and the id's prefix is the kind."""

    tenant: TenantId
    id: JobId

    @property
    def kind(self) -> str:
        """The name of the job's kind."""
        return prefix_of(self.id)

    @property
    def noun(self) -> str:
        """The plural of the kind: where the store and the API keep the job."""
        return plural_of(self.kind)

    @property
    def owner(self) -> "JobRef":
        """The job itself: a queued task may work on a whole job."""
        return self

    @property
    def part(self) -> str:
        """Empty: the whole job."""
        return ""

    def __str__(self) -> str:
        return f"{self.tenant}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that `str` spelled. Raises `ValidationError` for any other text."""
        tenant, _, job_id = text.partition("/")
        return cls(tenant=tenant, id=job_id)

    @classmethod
    def of(cls, argument: str) -> Self:
        """Return the job of a queued argument: the text of a job, or of a part of one (`tenant/id/part`)."""
        return cls.parse("/".join(argument.split("/")[:2]))


class ShardRef(Model):
    """Names one shard of one batch: `tenant/batch_0192.../17`."""

    batch: JobRef
    index: Annotated[int, Field(ge=0)]

    @property
    def owner(self) -> JobRef:
        """The batch."""
        return self.batch

    @property
    def part(self) -> str:
        """The shard, in six digits."""
        return f"{self.index:06d}"

    def __str__(self) -> str:
        return f"{self.batch}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that `str` spelled. Raises `ValidationError` for any other text."""
        batch, _, index = text.rpartition("/")
        return cls.model_validate({"batch": JobRef.parse(batch), "index": index})


class Progress(Model):
    """How far a running job is. `done` of `total` counts in the unit of the stage (steps, images, shards)."""

    stage: str
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    eta_seconds: Annotated[float, Field(ge=0)] | None = None


class JobError(Model):
    """Why a job failed. `retryable` says whether the same request may succeed on another try."""

    code: str
    detail: str
    retryable: bool = False


class Idempotency(Model):
    """The caller's `Idempotency-Key` and the digest of the body that it was sent with."""

    key: str
    fingerprint: Sha256


class Asked(Model):
    """What the app writes as `request.json` before it queues anything: every default resolved, never changed."""

    tenant: TenantId
    id: str
    created_at: Timestamp
    idempotency: Idempotency | None = None


class Request(Asked):
    """The request of a job."""

    @property
    def ref(self) -> JobRef:
        """The job's reference."""
        return JobRef(tenant=self.tenant, id=self.id)


class JobManifest(Model):
    """What every `manifest.json` of a job says: how it ended and when. It is written last, and the first one stays."""

    status: TerminalStatus
    started_at: Timestamp | None
    finished_at: Timestamp
    error: JobError | None = None


class Cancellation(Model):
    """`cancel.json`: the caller asked the job to stop."""

    requested_at: Timestamp


class Tombstone(Model):
    """`tombstone.json`: the job is deleted, or being deleted. It is written before the first object is deleted.

    On a full disk the request is renamed to it, so a reader must expect other content.
    """

    deleted_at: Timestamp


class Live(Model):
    """What Redis holds about a job that has not ended. Losing it loses no fact."""

    started_at: Timestamp | None = None
    attempt: Annotated[int, Field(ge=0)] = 0
    progress: Progress | None = None


class JobEnvelope(Model, Generic[M]):
    """The fields of every job in the API. `M` is the type of the kind's metrics."""

    id: str
    kind: str
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
