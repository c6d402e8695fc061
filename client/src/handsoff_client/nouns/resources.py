"""What the service answers with: generators, fits, batches, streams and shards as frozen dataclasses.

Times are aware datetimes; a share is 0 to 1. `json` holds the whole answer, also what this client does not know yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from handsoff_client.errors import JobCancelled
from handsoff_client.http.error_codes import job_error
from handsoff_shards.labels import Labels

T = TypeVar("T")

Json = Mapping[str, Any]

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The statuses that nothing follows on; before them come queued, running, cancelling."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, newest first. `next_cursor` is there while `has_more`."""

    items: tuple[T, ...]
    has_more: bool
    next_cursor: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a running job is. `done` of `total` counts the stage's own unit (steps, images, samples)."""

    stage: str
    done: int
    total: int
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job failed. `retryable` says whether the same request may succeed when it is made again."""

    code: str
    detail: str
    retryable: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every job has. `metrics` is what its kind measures, as it came."""

    id: str
    kind: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: Progress | None = None
    queue_position: int | None = None
    attempt: int = 0
    error: Failure | None = None
    metrics: Json | None = None
    json: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        """True when no other status can follow."""
        return self.status in TERMINAL

    def raise_for_status(self) -> None:
        """Raises `JobFailed` or `JobCancelled` when the job has ended without success."""
        if not self.has_ended or self.status == "succeeded":
            return
        if self.status == "failed" and self.error is not None:
            error = self.error
            raise job_error(self.id, error.code, error.detail, is_retryable=error.retryable)
        raise JobCancelled(f"{self.id} is {self.status}.", job_id=self.id, status=self.status)


@dataclass(frozen=True)
class Pinned:
    """Something that a job was made of, by id and digest."""

    id: str
    digest: str


@dataclass(frozen=True)
class SignedLink:
    """A link that anybody may read by until `expires_at`."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class InverterSummary:
    """An encoder that starts inversions, by its digest."""

    digest: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Generator(Job):
    """A generator that a fit can be made of, once its import has succeeded; its newest inverter comes first.

    `sheet` is a picture of samples for people. Size and digest are not known before the checkpoint has been read.
    """

    name: str
    source: str
    license: str
    digest: str | None = None
    height_px: int | None = None
    width_px: int | None = None
    warnings: tuple[str, ...] = ()
    inverters: tuple[InverterSummary, ...] = ()
    sheet: SignedLink | None = None


@dataclass(frozen=True, kw_only=True)
class Inverter(Job):
    """The training of an encoder that starts a generator's inversions; once it has succeeded, that encoder."""

    generator: Pinned
    seed: int
    digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fit(Job):
    """A fit, and the label generator it is once it has succeeded. `sheet` is a picture for people."""

    generator: Pinned
    labelset: Pinned
    labels: Labels
    seed: int
    name: str = ""
    validation_labelset: Pinned | None = None
    digest: str | None = None
    sheet: SignedLink | None = None


@dataclass(frozen=True, kw_only=True)
class Batch(Job):
    """A batch of labelled samples. Its shards can be read once it has succeeded."""

    fit: Pinned
    n: int
    seed: int
    truncation: float
    image_format: str
    shard_size: int
    num_shards: int
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Labelled samples without an end: shard k holds the samples k x `shard_size` and following, for any k."""

    id: str
    created_at: datetime
    fit: Pinned
    seed: int
    truncation: float
    filter: Json | None
    image_format: str
    shard_size: int
    num_shards: int
    render_version: int
    labels: Labels
    json: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Shard:
    """One shard: a tar of `num_samples` samples, to be read from `url` until `expires_at`."""

    index: int
    num_samples: int
    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Card:
    """The dataset card of a batch, Markdown, to be read from `url` until `expires_at`."""

    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class ShardList:
    """All shards of a batch, in order, and its dataset card."""

    batch: str
    num_samples: int
    items: tuple[Shard, ...]
    card: Card | None = None


@dataclass(frozen=True)
class Archive:
    """A batch in another format: a zip of `num_files` files, to be read from `url` until `expires_at`."""

    batch: str
    format: str
    num_files: int
    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. `type` is status, progress or completed; ids grow."""

    id: str
    type: str
    data: Json = field(default_factory=dict)
