"""Samples and the shards they are written into."""

import io
import json
import tarfile

import numpy as np
import pytest

from contracts.batches import ImageFormat
from workers.samples import Files, Sample
from workers.tars import write_tar

CLASSES = ("background", "skin")


def sample(index: int = 3) -> Sample:
    """A 2 x 4 sample, three quarters background."""
    mask = np.array([[0, 0, 0, 1], [0, 0, 0, 1]], dtype=np.uint8)
    image = np.full((2, 4, 3), 200, dtype=np.uint8)
    uncertainty = np.zeros((2, 4), dtype=np.float32)
    return Sample(7, index, 1, image, mask, uncertainty, 0.25)


@pytest.mark.parametrize(("image_format", "suffix"), [("png", "png"), ("jpeg", "jpg")])
def test_a_sample_is_four_files_under_one_key(image_format: ImageFormat, suffix: str) -> None:
    """The key is nine digits: no dot, so every WebDataset reader splits it rightly."""
    names = list(sample().encode(CLASSES, image_format))
    endings = (suffix, "mask.png", "uncertainty.png", "json")
    assert names == [f"000000003.{ending}" for ending in endings]


def test_the_facts_say_where_a_sample_comes_from() -> None:
    """Seed, index and attempt are enough to render it again."""
    facts = json.loads(sample().encode(CLASSES, "png")["000000003.json"])
    assert facts == {
        "seed": 7,
        "index": 3,
        "attempt": 1,
        "score": 0.25,
        "class_fractions": {"background": 0.75, "skin": 0.25},
    }


def tar_of(*samples: Files) -> bytes:
    """The bytes of a tar."""
    target = io.BytesIO()
    write_tar(samples, target)
    return target.getvalue()


def test_a_tar_is_the_same_bytes_every_time() -> None:
    """No clock, no user: a shard rendered twice has one digest."""
    files = sample().encode(CLASSES, "png")
    assert tar_of(files) == tar_of(dict(files))


def test_a_tar_keeps_the_order_and_is_plain() -> None:
    """Anybody's tar reads it: regular files, mtime 0, in the order of the samples."""
    data = tar_of(sample(1).encode(CLASSES, "png"), sample(2).encode(CLASSES, "png"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    assert [member.name[:9] for member in members] == ["000000001"] * 4 + ["000000002"] * 4
    assert all(member.isfile() and member.mtime == 0 for member in members)
