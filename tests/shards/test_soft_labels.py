"""Soft labels in a shard: written as one picture, read as classes and probabilities."""

import numpy as np
import pytest
from PIL import Image

from handsoff_client import InvalidInput, SoftLabels, decode_sample
from handsoff_shards.decoding import decode_soft_labels
from handsoff_shards.writing import soft_label_planes
from tests.client.conftest import PX, files_of, png

RANDOM = np.random.default_rng(3)
CLASSES = RANDOM.permuted(
    np.arange(5, dtype=np.uint8)[:, None, None].repeat(PX, 1).repeat(PX, 2), axis=0
)
STEPS = np.sort(RANDOM.integers(0, 85, (3, PX, PX), dtype=np.uint8), axis=0)[::-1]
SOFT = SoftLabels(CLASSES[:3], STEPS)


def stored(soft: SoftLabels = SOFT) -> bytes:
    """Return soft labels as a shard has them."""
    return png(Image.fromarray(soft_label_planes(soft.classes, soft.steps)))


def test_soft_labels_are_read_as_written() -> None:
    """Every class and every step, also beside the other files of a sample; other samples have none."""
    sample = decode_sample(files_of(1) | {"soft_labels.png": stored()})
    assert sample.soft_labels is not None
    np.testing.assert_array_equal(sample.soft_labels.classes, SOFT.classes)
    np.testing.assert_array_equal(sample.soft_labels.steps, SOFT.steps)
    assert decode_sample(files_of(1)).soft_labels is None


def test_probabilities_are_steps_of_a_255th() -> None:
    """255 steps are certainty."""
    probabilities = SoftLabels(CLASSES[:1], np.full((1, PX, PX), 255, np.uint8)).probabilities
    assert probabilities.dtype == np.float32
    assert (probabilities == 1).all()


@pytest.mark.parametrize("num_classes", [5, 6])
def test_dense_probabilities_add_up_to_one(num_classes: int) -> None:
    """Kept classes have their probability; the others share the rest equally."""
    dense = SOFT.dense(num_classes)
    kept = np.take_along_axis(dense, SOFT.classes.astype(np.int64), axis=0)
    assert dense.shape == (num_classes, PX, PX)
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(kept, SOFT.probabilities)
    np.testing.assert_allclose(dense.sum(axis=0), 1, atol=1e-6)
    rest = (1 - SOFT.probabilities.sum(axis=0)) / (num_classes - 3)
    assert (np.isclose(dense, rest, atol=1e-6).sum(axis=0) >= num_classes - 3).all()


def test_soft_labels_of_more_classes_are_refused() -> None:
    """A class beyond the schema comes from a damaged file."""
    with pytest.raises(InvalidInput, match=r"of 3 classes, got class 4"):
        SOFT.dense(3)


def test_all_classes_leave_no_rest() -> None:
    """Nothing is shared when every class is kept."""
    steps = np.array([200, 50, 5], np.uint8)[:, None, None].repeat(PX, 1).repeat(PX, 2)
    soft = SoftLabels(
        np.arange(3, dtype=np.uint8)[:, None, None].repeat(PX, 1).repeat(PX, 2), steps
    )
    np.testing.assert_allclose(soft.dense(3)[:, 0, 0] * 255, [200, 50, 5], rtol=1e-6)


@pytest.mark.parametrize("rows", [PX, 3 * PX, 4 * PX + 1])
def test_a_picture_of_other_planes_is_refused(rows: int) -> None:
    """An odd number of planes, and rows that are no whole plane."""
    with pytest.raises(InvalidInput, match=f"even number of planes with {PX} rows.*{rows} rows"):
        decode_soft_labels(png(Image.new("L", (PX, rows))), PX)


@pytest.mark.parametrize("mode", ["RGB", "P", "I;16"])
def test_a_picture_of_another_mode_is_refused(mode: str) -> None:
    """It is not converted."""
    with pytest.raises(InvalidInput, match=f"got mode {mode}"):
        decode_soft_labels(png(Image.new(mode, (PX, 2 * PX))), PX)
