"""Packing during rendering: the order of the tar, the limit of waiting samples, and errors on threads."""

import contextlib
import io
import tarfile
import threading
from collections.abc import Callable, Sequence

import pytest

from handsoff_shards.members import Files
from tests.workers.codecs.test_tars import CODECS, LABELS, sample
from workers.codecs.packing import Packer
from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter


def encode(one: Sample) -> Files:
    """As a shard does it."""
    return one.encode(CODECS, LABELS, "png")


def packed(
    put: Sequence[int], encode: Callable[[Sample], Files] = encode, *, num_threads: int
) -> bytes:
    """Return the tar of samples 0, 1, ... that were put in the order of `put`."""
    target = io.BytesIO()
    with (
        TarWriter(target) as tar,
        Packer(tar, sorted(put), encode, num_threads=num_threads, max_waiting=2) as packer,
    ):
        for index in put:
            packer.put(sample(index))
        packer.finish()
    return target.getvalue()


@pytest.mark.parametrize("num_threads", [1, 4])
def test_a_tar_does_not_depend_on_threads_or_on_the_order_of_put(num_threads: int) -> None:
    """The bytes equal those of one thread that packs one sample after another."""
    target = io.BytesIO()
    with TarWriter(target) as tar:
        for index in range(6):
            tar.add(index, encode(sample(index)))
    assert packed([4, 0, 5, 1, 3, 2], num_threads=num_threads) == target.getvalue()


def test_rendering_waits_when_the_encoders_are_slower() -> None:
    """At most `max_waiting` samples wait for encoding: the third is not taken before the first is encoded."""
    may_encode, taken = threading.Event(), []

    def slowly(one: Sample) -> Files:
        may_encode.wait()
        return encode(one)

    with TarWriter(io.BytesIO()) as tar:
        packer = Packer(tar, range(3), slowly, num_threads=1, max_waiting=2)

        def put_all() -> None:
            for index in range(3):
                packer.put(sample(index))
                taken.append(index)
                if len(taken) == 2:
                    two_are_taken.set()

        two_are_taken = threading.Event()
        renderer = threading.Thread(target=put_all)
        with packer:
            renderer.start()
            assert two_are_taken.wait(10)
            renderer.join(0.05)
            assert renderer.is_alive()
            may_encode.set()
            renderer.join()
            packer.finish()
    assert taken == [0, 1, 2]


def test_an_error_on_a_thread_is_raised_in_the_renderer() -> None:
    """A full disk or a broken encoder fails the job; it does not hang, and no tar counts as complete."""

    def broken(one: Sample) -> Files:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        packed(range(8), broken, num_threads=2)


def test_a_missing_sample_is_an_error() -> None:
    """A tar that lacks a sample is not a shard."""
    with (
        TarWriter(io.BytesIO()) as tar,
        Packer(tar, range(3), encode, num_threads=1, max_waiting=2) as packer,
    ):
        packer.put(sample(0))
        with pytest.raises(ValueError, match=r"lacks samples \[1, 2\]"):
            packer.finish()


def test_a_job_that_stops_leaves_no_thread() -> None:
    """When a job is cancelled between two micro-batches, its encoding threads end."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        TarWriter(io.BytesIO()) as tar,
        Packer(tar, range(3), encode, num_threads=2, max_waiting=2) as packer,
    ):
        packer.put(sample(0))
        raise KeyboardInterrupt
    assert not [one for one in threading.enumerate() if one.name.startswith("packing")]


def test_an_empty_tar_is_valid() -> None:
    """It ends with the two empty blocks that readers expect."""
    with tarfile.open(fileobj=io.BytesIO(packed([], num_threads=1))) as tar:
        assert tar.getnames() == []
