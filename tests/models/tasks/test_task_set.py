"""Promises of `models.tasks.task_set`: outputs are split in one order, and labels must fit together."""

import json

import pytest
import torch

from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

ALL = TaskSet(SegmentationTask(4), KeypointTask(3), DepthTask())
KINDS = (SegmentationTask, KeypointTask, DepthTask)
MASKS = torch.zeros(2, 8, 6, dtype=torch.int64)


def test_outputs_are_split_by_task() -> None:
    """Four logits, two maps for each of three keypoints, one depth."""
    parts = ALL.split(torch.arange(11)[None], dim=1)
    assert {name: part[0, 0].item() for name, part in parts.items()} == {
        "segmentation": 0,
        "keypoints": 4,
        "depth": 10,
    }


@pytest.mark.parametrize("tasks", [ALL, TaskSet(DepthTask())])
def test_tasks_are_restored_from_their_dictionary(tasks: TaskSet) -> None:
    """Only the learned tasks are restored, in the order of the outputs, also from sorted JSON."""
    stored = json.dumps(tasks.to_dict(), sort_keys=True)
    assert TaskSet.from_dict(json.loads(stored), KINDS) == tasks


def test_a_set_stored_by_version_0_1_is_read() -> None:
    """That version wrote null for tasks that the fit had not learned."""
    stored = {"segmentation": None, "keypoints": {"num_keypoints": 3, "sigma_share": 0.1}}
    assert TaskSet.from_dict(stored, KINDS) == TaskSet(KeypointTask(3, 0.1))


def test_a_stored_task_of_another_version_is_refused() -> None:
    """The message names the task; without it the last layer could not be split."""
    with pytest.raises(ValueError, match="got normals"):
        TaskSet.from_dict({"normals": {}}, KINDS)


def test_a_set_without_tasks_is_refused() -> None:
    """There would be nothing to learn."""
    with pytest.raises(ValueError, match="at least one task"):
        TaskSet()


def test_labels_of_other_sizes_are_refused() -> None:
    """Masks and depth are of the same pixels."""
    with pytest.raises(ValueError, match=r"depth have \(6, 8\) pixels, expected \(8, 6\)"):
        Labels(label_px=(8, 6), depth=torch.zeros(2, 6, 8)).of(TaskSet(DepthTask()))


def test_labels_of_no_task_are_refused() -> None:
    """There would be nothing to learn from."""
    with pytest.raises(ValueError, match="at least one task, got none"):
        Labels(label_px=(8, 6))


def test_a_task_without_labels_is_named() -> None:
    """The message names the missing labels and the remedy."""
    with pytest.raises(ValueError, match=r"no labels for keypoints, depth; add labels or leave"):
        Labels(label_px=(8, 6), segmentation=MASKS).of(ALL)


def test_some_images_keep_all_their_labels() -> None:
    """`select` returns images in the requested order, with every task, as folds need them."""
    labels = Labels(
        label_px=(8, 6),
        segmentation=MASKS,
        keypoints=torch.arange(2.0)[:, None, None] + torch.zeros(2, 1, 3),
    )
    chosen = labels.select(torch.tensor([1, 0]))
    assert chosen["keypoints"][:, 0, 0].tolist() == [1.0, 0.0]
    assert len(chosen) == len(labels.select(torch.tensor([1])).to(torch.device("cpu"))) + 1
