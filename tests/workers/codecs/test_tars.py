"""Samples as files, and shards as tars."""

import dataclasses
import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from contracts.recipes.recipe import ImageFormat
from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema
from workers.codecs.registry import TASKS
from workers.codecs.samples import Sample
from workers.codecs.tars import TarWriter
from workers.codecs.task import codecs_of

LABELS = LabelSchema(classes=("background", "skin"))
CODECS = codecs_of(TASKS, LABELS)


def sample(index: int = 3) -> Sample:
    """Return a 2 x 4 sample, three quarters background."""
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
def test_a_sample_has_four_files(image_format: ImageFormat, suffix: str) -> None:
    """The image, the mask, the uncertainty and the facts, in this order."""
    files = sample().encode(CODECS, LABELS, image_format)
    assert list(files) == [suffix, "mask.png", "uncertainty.png", "json"]


def test_a_sample_of_every_task_has_a_file_for_each() -> None:
    """Keypoints by name with visibility and confidence; depth in steps of the scale, which the facts contain."""
    labels = LabelSchema(
        keypoints=KeypointSchema(names=("nose",)), depth=DepthSchema(unit="m", scale=0.5)
    )
    other = dataclasses.replace(
        sample(),
        labels={
            "keypoints": {
                "points": np.array([[1.25, 0.5, 0.75]], dtype=np.float32),
                "visibility": np.array([1], dtype=np.uint8),
            },
            "depth": {"depth": np.array([[0, 1, 2, 3], [4, 5, 6, 1e9]], dtype=np.float32)},
        },
    )
    files = other.encode(codecs_of(TASKS, labels), labels, "png")
    assert list(files)[1:3] == ["keypoints.json", "depth.png"]
    (point,) = json.loads(files["keypoints.json"])["keypoints"]
    assert point == {"name": "nose", "x": 1.25, "y": 0.5, "visibility": 1, "confidence": 0.75}
    depth = np.asarray(Image.open(io.BytesIO(files["depth.png"])))
    assert depth.tolist() == [[1, 2, 4, 6], [8, 10, 12, 65535]]  # 0 means unknown
    facts = json.loads(files["json"])
    assert facts["depth"] == {"unit": "m", "scale": 0.5, "unknown": 0}
    assert "class_fractions" not in facts


def test_the_facts_identify_a_sample() -> None:
    """Seed, index and attempt are enough to render it again."""
    facts = json.loads(sample().encode(CODECS, LABELS, "png")["json"])
    assert facts == {
        "seed": 7,
        "index": 3,
        "attempt": 1,
        "score": 0.25,
        "scores": {"segmentation": 0.25},
        "class_fractions": {"background": 0.75, "skin": 0.25},
    }


def test_a_tar_has_a_digest_and_a_size() -> None:
    """They are computed while the tar is written, and match the whole file."""
    target = io.BytesIO()
    with TarWriter(target) as tar:
        tar.add(3, sample().encode(CODECS, LABELS, "png"))
    assert tar.sha256 == hashlib.sha256(target.getvalue()).hexdigest()
    assert tar.num_bytes == len(target.getvalue())
