"""Refuses work that the disk of a `file://` store has no room for, before it is accepted. A bucket has no known limit.

What a job will write is estimated from its request. Jobs that are accepted already are not counted: if they fill the
disk, they wait for space (`state/capacity/patience.py`).
"""

from contracts.batches import BatchRequest
from contracts.errors.tree import Unavailable
from contracts.fits.fit import FitRequest
from contracts.generators.generator import GeneratorRequest
from contracts.jobs import JobRef, Request
from contracts.labelings import LabelingRequest
from state import records
from state.settings import Settings
from state.store import Store

RETRY_AFTER_SECONDS = 60
BYTES_PER_PIXEL = {"png": 3.0, "jpeg": 1.0}
"""Of an image with all its labels: rather too much than too little. Pixels of noise alone take 3 as PNG."""
BYTES_PER_SAMPLE = 8 * 1024
"""Headers and padding of a tar, keypoints and facts: most of a small sample."""


def check_room(store: Store, settings: Settings, expected_bytes: float = 0) -> None:
    """Raise `Unavailable` unless the disk keeps `min_free_bytes` after a job has written what is expected of it."""
    free, needed = store.free_bytes(), settings.min_free_bytes + expected_bytes
    if free is not None and free < needed:
        raise Unavailable(
            f"Expected {_size(needed)} of free space in the store"
            f" ({_size(expected_bytes)} for this request, {_size(settings.min_free_bytes)} in reserve by"
            f" HANDSOFF_MIN_FREE_BYTES), got {_size(free)}. Delete batches or streams that you no longer need,"
            " or retry later."
        ).retryable_after(RETRY_AFTER_SECONDS)


def expected_bytes(store: Store, request: Request) -> float:
    """Return what a job will write: the samples of a batch, or about as much as was uploaded for it."""
    if isinstance(request, BatchRequest):
        return _bytes_of_batch(store, request)
    if isinstance(request, LabelingRequest | GeneratorRequest) and request.original is not None:
        return request.original.num_bytes
    return 0


def _bytes_of_batch(store: Store, request: BatchRequest) -> float:
    """Return the expected bytes of the samples that are not adopted from an earlier batch."""
    fit = records.read_request(store, JobRef(tenant=request.tenant, id=request.fit.id), FitRequest)
    if fit is None:
        return 0
    num_pixels = fit.generator.height_px * fit.generator.width_px
    per_pixel = BYTES_PER_PIXEL[request.image_format] + (request.soft_labels or 0)
    return num_new_samples(store, request) * (num_pixels * per_pixel + BYTES_PER_SAMPLE)


def num_new_samples(store: Store, request: BatchRequest) -> int:
    """Return how many samples of a batch are not adopted from an earlier one."""
    finished = set[int]()
    for batch_id in request.resumes:
        earlier = JobRef(tenant=request.tenant, id=batch_id)
        finished |= records.finished_shards(store, earlier)
    return sum(
        len(request.samples(index)) for index in range(request.num_shards) if index not in finished
    )


def _size(num_bytes: float) -> str:
    """Return a size for people."""
    gib = num_bytes / 1024**3
    return f"{gib:.1f} GiB" if gib >= 1 else f"{num_bytes / 1024**2:.0f} MiB"
