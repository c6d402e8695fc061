"""Labelled images as a fit reads them."""

import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_KINDS, LABELS, PX, Scene
from workers.fitting.pairs import Pairs, read_labelset


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
    """Masks and depth pixel by pixel, points by the same factor."""
    pairs = read(scene, ALL_KINDS, scale=2)
    found = pairs.label_tensors([0, 3])
    assert found["segmentation"][1, 0].tolist() == [0] * PX + [1] * PX
    assert found["keypoints"][0].tolist() == [[32, 8, 2], [32, 56, 1]]
    assert found["depth"][0, 5, [0, -1]].tolist() == pytest.approx([1.0, 2.0])


def test_a_fit_reads_the_labels_of_its_tasks_alone(scene: Scene) -> None:
    """And of those only what the labelset has."""
    depth = read(scene, ALL_KINDS, fit=ALL_KINDS.only(["depth"]))
    assert list(depth.label_tensors([0]).by_task) == ["depth"]
    assert list(read(scene, LABELS, fit=ALL_KINDS).label_tensors([0]).by_task) == ["segmentation"]
