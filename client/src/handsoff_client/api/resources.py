"""The service's answers as frozen dataclasses: generators, fits, batches, labelings and streams.

Times are aware datetimes. A share is 0 to 1. `json` contains the complete answer, including fields of newer services.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from handsoff_client.answers.costs import Estimate
from handsoff_client.answers.deliveries import Delivery
from handsoff_client.errors import JobCancelled
from handsoff_client.http.error_codes import job_error
from handsoff_shards.labels import Labels
from handsoff_shards.notebooks.html import TableInNotebooks

T = TypeVar("T")
Json = Mapping[str, Any]

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The final statuses. The others are queued, running, cancelling."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, newest first. `next_cursor` is set while `has_more`."""

    items: tuple[T, ...]
    has_more: bool
    next_cursor: str | None = None


@dataclass(frozen=True)
class Progress:
    """The progress of a running job. The unit of `done` and `total` depends on the stage (steps, images, samples)."""

    stage: str
    done: int
    total: int
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job failed. `retryable` is True when the same request may succeed later."""

    code: str
    detail: str
    retryable: bool = False


@dataclass(frozen=True, kw_only=True)
class Job(TableInNotebooks):
    """The fields of every job. `metrics` depends on the kind of job; `is_stale`: its worker has stopped reporting.

    `estimate` is the cost that was predicted when the job was created.
    """

    id: str
    kind: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: Progress | None = None
    is_stale: bool = False
    queue_position: int | None = None
    attempt: int = 0
    error: Failure | None = None
    metrics: Json | None = None
    estimate: Estimate | None = None
    json: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        """True when the status is final."""
        return self.status in TERMINAL

    def raise_for_status(self) -> None:
        """Raise `JobFailed` or `JobCancelled` when the job has ended without success."""
        if not self.has_ended or self.status == "succeeded":
            return
        if self.status == "failed" and self.error is not None:
            error = self.error
            raise job_error(self.id, error.code, error.detail, is_retryable=error.retryable)
        raise JobCancelled(f"{self.id} is {self.status}.", job_id=self.id, status=self.status)


@dataclass(frozen=True)
class Pinned:
    """An input of a job, by id and digest. A batch that waits for its fit has no digest of it."""

    id: str
    digest: str | None


@dataclass(frozen=True)
class SignedLink:
    """A link that needs no other permission until `expires_at`."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class InverterSummary:
    """A trained encoder of a generator, by its digest."""

    digest: str
    created_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """A measurement of a running training. `fd` is a distance to the images: lower is better."""

    images_seen: int
    fd: float
    sheet: SignedLink


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training of a generator. Times are seconds; all are None until the worker has measured them.

    `facts` and `warnings` are sentences about the images.
    """

    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    expected_seconds: float | None = None
    images_seen: int | None = None
    total_images: int | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    snapshots: tuple[Snapshot, ...] = ()
    best_images_seen: int | None = None


@dataclass(frozen=True, kw_only=True)
class Generator(Job):
    """A generator. Fits can use it once its import or training has succeeded. `inverters` has the newest first.

    `sheet` is a picture of samples. Size and digest are None until the checkpoint has been read.
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
    training: Training | None = None


@dataclass(frozen=True, kw_only=True)
class Inverter(Job):
    """The training of an encoder that initializes a generator's inversions. `digest` is set after success."""

    generator: Pinned
    seed: int
    digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fit(Job):
    """A fit. After success it is a label generator. `sheet` is a picture of images, labels and predictions."""

    generator: Pinned
    labelset: Pinned
    labels: Labels
    seed: int
    name: str = ""
    validation_labelset: Pinned | None = None
    digest: str | None = None
    sheet: SignedLink | None = None


@dataclass(frozen=True, kw_only=True)
class Labelled(Job):
    """A job whose shards have labels. `soft_labels`: kept classes of each pixel. `ignore_above`: in nats."""

    soft_labels: int | None = None
    ignore_above: float | None = None

    @property
    def ignored_share(self) -> float | None:
        """The share of ignored pixels in all masks; None if no pixel may be ignored, and before the end."""
        metrics = self.metrics or {}
        ignored = metrics.get("ignored_pixels", 0)
        total = ignored + sum(one["num_pixels"] for one in metrics.get("classes", ()))
        return None if self.ignore_above is None or not total else ignored / total


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides the samples of a batch or a stream. `warnings` name classes of the targets that have bad labels."""

    fit: Pinned
    seed: int
    truncation: float
    image_format: str
    shard_size: int
    num_shards: int
    labels: Labels
    condition: Mapping[str, float] | None = None
    targets: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Batch(Labelled, Recipe):
    """A batch of labelled samples. Its shards can be read after success."""

    n: int
    delivery: Delivery | None = None


@dataclass(frozen=True, kw_only=True)
class Labeling(Labelled):
    """Labels for real images, by a fit. Its shards can be read after success, like those of a batch.

    `aspect` is crop or pad, for images of another aspect ratio. `condition` is the class of all images.
    """

    fit: Pinned
    image_format: str
    shard_size: int
    labels: Labels
    aspect: str = "crop"
    name: str = ""
    condition: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stream(Recipe):
    """Endless labelled samples: shard k contains the `shard_size` samples from k x `shard_size` on, for any k."""

    id: str
    created_at: datetime
    filter: Json | None
    render_version: int
    soft_labels: int | None = None
    ignore_above: float | None = None
    json: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Event:
    """An event of a job. `type` is status, progress or completed. Ids increase."""

    id: str
    type: str
    data: Json = field(default_factory=dict)
