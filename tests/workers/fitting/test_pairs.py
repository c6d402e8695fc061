"""Labelled images as a fit reads them."""

import numpy as np
import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_KINDS, LABELS, PX, Scene
from workers.fitting.pairs import ImageLabels, Pairs, read_labelset


def read(
    scene: Scene, labels: LabelSchema, fit: LabelSchema | None = None, scale: int = 1
) -> Pairs:
    """Four images and their labels at the generator's size times `scale`, for a fit of these tasks."""
    pinned = scene.add_labelset(labels=labels)
    px = (PX * scale, PX * scale)
    store = scene.machine.store
    whole = read_labelset(store, DEFAULT_TENANT, pinned)
    return Pairs.read(store, whole, fit=fit or labels, px=px)


def test_every_kind_of_label_is_brought_to_the_generators_size(scene: Scene) -> None:
    """Masks and depth pixel by pixel, points by the same factor, and the length by which they are judged."""
    pairs = read(scene, ALL_KINDS, scale=2)
    found = pairs.label_tensors([0, 3])
    assert found.masks is not None
    assert found.masks[1, 0].tolist() == [0] * PX + [1] * PX
    assert found.keypoints is not None
    assert found.keypoints[0].tolist() == [[32, 8, 2], [32, 56, 1]]
    assert found.depth is not None
    assert found.depth[0, 5, [0, -1]].tolist() == pytest.approx([1.0, 2.0])
    assert pairs.reference_px([0, 3]).tolist() == [48.0, 48.0]


def test_a_fit_reads_the_labels_of_its_tasks_alone(scene: Scene) -> None:
    """And of those only what the labelset has."""
    depth = read(scene, ALL_KINDS, fit=ALL_KINDS.only(["depth"]))
    assert list(depth.label_tensors([0]).given()) == ["depth"]
    assert list(read(scene, LABELS, fit=ALL_KINDS).label_tensors([0]).given()) == ["segmentation"]


@pytest.mark.parametrize(
    ("labels", "says_nothing"),
    [
        (
            ImageLabels(np.full((2, 2), 255, np.uint8), None, np.full((2, 2), np.nan, np.float32)),
            True,
        ),
        (ImageLabels(np.zeros((2, 2), np.uint8), None, None), False),
        (ImageLabels(None, np.zeros((3, 3), np.float32), None), True),
        (ImageLabels(None, np.ones((3, 3), np.float32), None), False),
        (ImageLabels(None, None, np.zeros((2, 2), np.float32)), False),
    ],
)
def test_labels_that_say_nothing_are_known(labels: ImageLabels, says_nothing: bool) -> None:  # noqa: FBT001
    """Ignored, absent and unknown throughout; one label of one kind is something."""
    assert labels.says_nothing is says_nothing
