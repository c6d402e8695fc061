"""Micro-batches that shrink when the device is too small."""

from collections.abc import Sequence

import pytest
import torch

from contracts.errors.jobs import OutOfMemory
from workers.runtime.micro_batches import MicroBatches


class SmallDevice:
    """Fits a few items at a time, and notes what it was given."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.seen: list[int] = []

    def work(self, items: Sequence[int]) -> list[int]:
        self.seen.append(len(items))
        if len(items) > self.fits:
            raise torch.OutOfMemoryError
        return list(items)


def test_every_item_is_worked_on_once_and_in_order() -> None:
    """Halving loses nothing and repeats nothing that was finished."""
    device = SmallDevice(fits=3)
    chunks = MicroBatches(8).run("testing", "tiny", range(10), device.work, largest=8)
    assert [item for chunk in chunks for item in chunk] == list(range(10))


def test_the_size_that_worked_is_remembered() -> None:
    """The next job starts with what fitted, not with another failure."""
    device, batches = SmallDevice(fits=2), MicroBatches(8)
    list(batches.run("testing", "tiny", range(4), device.work, largest=8))
    device.seen.clear()
    list(batches.run("testing", "tiny", range(4), device.work, largest=8))
    assert device.seen == [2, 2]


def test_work_may_ask_for_fewer_at_once() -> None:
    """A piece of work that needs more memory for an item than others do says how many it takes."""
    chunks = MicroBatches(8).run("testing", "tiny", range(8), list, largest=3)
    assert [len(chunk) for chunk in chunks] == [3, 3, 2]


@pytest.mark.parametrize(("item_bytes", "expected"), [(2_000, 1), (1_000, 1), (300, 3), (1, 16)])
def test_a_cpu_takes_as_many_as_fit_its_memory(item_bytes: int, expected: int) -> None:
    """It cannot be tried: there is no error, the process is killed. Never none, never more than the largest."""
    assert MicroBatches(16, memory_bytes=1_000).most(item_bytes) == expected


def test_an_accelerator_is_tried() -> None:
    """It says when it is full, so no guess stands in its way."""
    assert MicroBatches(16).most(1 << 60) == 16


def test_other_networks_are_not_affected() -> None:
    """What one network could not fit says nothing about a smaller one."""
    device, batches = SmallDevice(fits=2), MicroBatches(8)
    list(batches.run("testing", "large", range(4), device.work, largest=8))
    small = batches.run("testing", "small", range(8), list, largest=8)
    assert [len(chunk) for chunk in small] == [8]


def test_a_device_too_small_for_one_item_ends_the_job() -> None:
    """There is nothing below one: the job fails and says so."""
    with pytest.raises(OutOfMemory, match="while testing: not even one image"):
        list(MicroBatches(4).run("testing", "tiny", range(4), SmallDevice(fits=0).work, largest=4))


def test_work_of_one_piece_shrinks_too() -> None:
    """Training cannot be cut into chunks of its result: it begins anew with half the size, and that is remembered."""
    seen, batches = [], MicroBatches(8)

    def work(size: int) -> int:
        seen.append(size)
        if size > 5:
            raise torch.OutOfMemoryError
        return size

    assert batches.shrinking("testing", "tiny", work, largest=16) == 4
    assert batches.shrinking("testing", "tiny", work, largest=16) == 4
    assert seen == [16, 8, 4, 4]
