"""The labelled images of a fit."""

import pytest

from contracts.ids import DEFAULT_TENANT
from contracts.schemas import LabelSchema
from tests.workers.scene import ALL_TASKS, LABELS, PX, Scene
from workers.fitting.pairs import Pairs, read_labelset


def read(
    scene: Scene, labels: LabelSchema, fit: LabelSchema | None = None, scale: int = 1
) -> Pairs:
    """Read four images and their labels at the generator's size times `scale`, for a fit of these tasks."""
    pinned = scene.add_labelset(labels=labels)
    px = (PX * scale, PX * scale)
    store = scene.machine.store
    whole = read_labelset(store, DEFAULT_TENANT, pinned)
    return Pairs.read(store, whole, fit=fit or labels, px=px)


def test_every_label_is_resized_to_the_generators_size(scene: Scene) -> None:
    """Masks and depth are resized by nearest neighbor, points are scaled by the same factor."""
    pairs = read(scene, ALL_TASKS, scale=2)
    labels = pairs.label_tensors([0, 3])
    assert labels["segmentation"][1, 0].tolist() == [0] * PX + [1] * PX
    assert labels["keypoints"][0].tolist() == [[32, 8, 2], [32, 56, 1]]
    assert labels["depth"][0, 5, [0, -1]].tolist() == pytest.approx([1.0, 2.0])


def test_a_fit_reads_only_the_labels_of_its_tasks(scene: Scene) -> None:
    """Of its tasks, it reads those that the labelset has."""
    depth = read(scene, ALL_TASKS, fit=ALL_TASKS.only(["depth"]))
    assert list(depth.label_tensors([0]).by_task) == ["depth"]
    assert list(read(scene, LABELS, fit=ALL_TASKS).label_tensors([0]).by_task) == ["segmentation"]
