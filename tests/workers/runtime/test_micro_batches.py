"""Micro-batches that shrink when the device is too small."""

from collections.abc import Sequence

import pytest
import torch

from contracts.errors.jobs import OutOfMemory
from workers.runtime.micro_batches import MicroBatches


class SmallDevice:
    """Fits a few items at a time, and records the sizes of its micro-batches."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.sizes: list[int] = []

    def work(self, items: Sequence[int]) -> list[int]:
        self.sizes.append(len(items))
        if len(items) > self.fits:
            raise torch.OutOfMemoryError
        return list(items)


def test_every_item_is_processed_once_and_in_order() -> None:
    """Halving skips no item and repeats no finished item."""
    device = SmallDevice(fits=3)
    chunks = MicroBatches(8).run("testing", "tiny", range(10), device.work, largest=8)
    assert [item for chunk in chunks for item in chunk] == list(range(10))


def test_the_size_that_fitted_is_remembered() -> None:
    """The next job starts with the size that fitted, not with another failure."""
    device, batches = SmallDevice(fits=2), MicroBatches(8)
    list(batches.run("testing", "tiny", range(4), device.work, largest=8))
    device.sizes.clear()
    list(batches.run("testing", "tiny", range(4), device.work, largest=8))
    assert device.sizes == [2, 2]


def test_a_caller_may_limit_the_size() -> None:
    """Work that needs more memory per item passes a smaller `largest`."""
    chunks = MicroBatches(8).run("testing", "tiny", range(8), list, largest=3)
    assert [len(chunk) for chunk in chunks] == [3, 3, 2]


@pytest.mark.parametrize(("item_bytes", "expected"), [(2_000, 1), (1_000, 1), (300, 3), (1, 16)])
def test_a_cpu_takes_as_many_as_fit_its_memory(item_bytes: int, expected: int) -> None:
    """At least 1, at most the largest. A too large size would kill the process without an error."""
    assert MicroBatches(16, memory_bytes=1_000).max_size(item_bytes) == expected


def test_an_accelerator_gets_the_largest_size() -> None:
    """A full accelerator raises an error, so its memory is not estimated beforehand."""
    assert MicroBatches(16).max_size(1 << 60) == 16


def test_other_networks_are_not_affected() -> None:
    """A smaller network starts with the largest size again."""
    device, batches = SmallDevice(fits=2), MicroBatches(8)
    list(batches.run("testing", "large", range(4), device.work, largest=8))
    small = batches.run("testing", "small", range(8), list, largest=8)
    assert [len(chunk) for chunk in small] == [8]


def test_a_device_too_small_for_one_item_ends_the_job() -> None:
    """A size of 1 cannot be halved: the job fails with a message."""
    with pytest.raises(OutOfMemory, match="while testing: one image at a time does not fit"):
        list(MicroBatches(4).run("testing", "tiny", range(4), SmallDevice(fits=0).work, largest=4))


def test_work_without_chunks_shrinks_too() -> None:
    """Training cannot be split into chunks: it restarts with half the size, and the size is remembered."""
    sizes, batches = [], MicroBatches(8)

    def work(size: int) -> int:
        sizes.append(size)
        if size > 5:
            raise torch.OutOfMemoryError
        return size

    assert batches.shrinking("testing", "tiny", work, largest=16) == 4
    assert batches.shrinking("testing", "tiny", work, largest=16) == 4
    assert sizes == [16, 8, 4, 4]
