"""Samples and the shards they are written into."""

import dataclasses
import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from contracts.batches import ImageFormat
from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema
from workers.codecs.registry import TASKS
from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter
from workers.codecs.task import Files, codecs_of

LABELS = LabelSchema(classes=("background", "skin"))
CODECS = codecs_of(TASKS, LABELS)


def sample(index: int = 3) -> Sample:
    """A 2 x 4 sample, three quarters background."""
    mask = np.array([[0, 0, 0, 1], [0, 0, 0, 1]], dtype=np.uint8)
    image = np.full((2, 4, 3), 200, dtype=np.uint8)
    uncertainty = np.zeros((2, 4), dtype=np.float32)
    return Sample(
        seed=7,
        index=index,
        attempt=1,
        image=image,
        uncertainty=uncertainty,
        score=0.25,
        task_scores={"segmentation": 0.25},
        labels={"segmentation": {"mask": mask}},
    )


@pytest.mark.parametrize(("image_format", "suffix"), [("png", "png"), ("jpeg", "jpg")])
def test_a_sample_is_four_files_under_one_key(image_format: ImageFormat, suffix: str) -> None:
    """The key is nine digits: no dot, so every WebDataset reader splits it rightly."""
    names = list(sample().encode(CODECS, LABELS, image_format))
    endings = (suffix, "mask.png", "uncertainty.png", "json")
    assert names == [f"000000003.{ending}" for ending in endings]


def test_a_sample_of_every_task_has_a_file_for_each() -> None:
    """Keypoints by name with visibility and confidence, depth in steps of the scale, which stands beside it."""
    labels = LabelSchema(
        keypoints=KeypointSchema(names=("nose",)), depth=DepthSchema(unit="m", scale=0.5)
    )
    shown = dataclasses.replace(
        sample(),
        labels={
            "keypoints": {
                "points": np.array([[1.25, 0.5, 0.75]], dtype=np.float32),
                "visibility": np.array([1], dtype=np.uint8),
            },
            "depth": {"depth": np.array([[0, 1, 2, 3], [4, 5, 6, 1e9]], dtype=np.float32)},
        },
    )
    files = shown.encode(codecs_of(TASKS, labels), labels, "png")
    assert list(files)[1:3] == ["000000003.keypoints.json", "000000003.depth.png"]
    (point,) = json.loads(files["000000003.keypoints.json"])["keypoints"]
    assert point == {"name": "nose", "x": 1.25, "y": 0.5, "visibility": 1, "confidence": 0.75}
    depth = np.asarray(Image.open(io.BytesIO(files["000000003.depth.png"])))
    assert depth.tolist() == [[1, 2, 4, 6], [8, 10, 12, 65535]]  # 0 would say that it is unknown
    facts = json.loads(files["000000003.json"])
    assert facts["depth"] == {"unit": "m", "scale": 0.5, "unknown": 0}
    assert "class_fractions" not in facts


def test_the_facts_say_where_a_sample_comes_from() -> None:
    """Seed, index and attempt are enough to render it again."""
    facts = json.loads(sample().encode(CODECS, LABELS, "png")["000000003.json"])
    assert facts == {
        "seed": 7,
        "index": 3,
        "attempt": 1,
        "score": 0.25,
        "scores": {"segmentation": 0.25},
        "class_fractions": {"background": 0.75, "skin": 0.25},
    }


def tar_of(*samples: Files) -> bytes:
    """The bytes of a tar."""
    target = io.BytesIO()
    with TarWriter(target) as tar:
        for files in samples:
            tar.add(files)
    return target.getvalue()


def test_a_tar_is_the_same_bytes_every_time() -> None:
    """No clock, no user: a shard rendered twice has one digest."""
    files = sample().encode(CODECS, LABELS, "png")
    assert tar_of(files) == tar_of(dict(files))


def test_a_tar_knows_its_digest_and_size() -> None:
    """Taken while it is written, they are those of the whole file."""
    target = io.BytesIO()
    with TarWriter(target) as tar:
        tar.add(sample().encode(CODECS, LABELS, "png"))
    assert tar.sha256 == hashlib.sha256(target.getvalue()).hexdigest()
    assert tar.num_bytes == len(target.getvalue())


def test_a_tar_keeps_the_order_and_is_plain() -> None:
    """Anybody's tar reads it: regular files, mtime 0, in the order of the samples."""
    data = tar_of(
        sample(1).encode(CODECS, LABELS, "png"),
        sample(2).encode(CODECS, LABELS, "png"),
    )
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    assert [member.name[:9] for member in members] == ["000000001"] * 4 + ["000000002"] * 4
    assert all(member.isfile() and member.mtime == 0 for member in members)
