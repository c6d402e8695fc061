"""Promises of `models.labels.tasks`: outputs are split in one order, and labels must fit together."""

import pytest
import torch

from models.labels.tasks import DepthTask, KeypointTask, Labels, SegmentationTask, TaskSet

ALL = TaskSet(segmentation=SegmentationTask(4), keypoints=KeypointTask(3), depth=DepthTask())
MASKS = torch.zeros(2, 8, 6, dtype=torch.int64)


def test_outputs_are_split_by_task() -> None:
    """Four logits, two maps for each of three keypoints, one depth."""
    parts = ALL.split(torch.arange(11)[None], dim=1)
    assert {name: part[0, 0].item() for name, part in parts.items()} == {
        "segmentation": 0,
        "keypoints": 4,
        "depth": 10,
    }


@pytest.mark.parametrize("tasks", [ALL, TaskSet(depth=DepthTask())])
def test_tasks_survive_their_dictionary(tasks: TaskSet) -> None:
    """What is not learnt stays away."""
    assert TaskSet.from_dict(tasks.to_dict()) == tasks


def test_a_set_without_tasks_is_refused() -> None:
    """There would be nothing to learn."""
    with pytest.raises(ValueError, match="at least one"):
        TaskSet()


def test_labels_of_other_sizes_are_refused() -> None:
    """Masks and depth are of the same pixels."""
    with pytest.raises(ValueError, match=r"depth have \(6, 8\) pixels, expected \(8, 6\)"):
        Labels(label_px=(8, 6), depth=torch.zeros(2, 6, 8))


def test_labels_of_no_task_are_refused() -> None:
    """There would be nothing to learn from."""
    with pytest.raises(ValueError, match="give masks, keypoints or depth"):
        Labels(label_px=(8, 6))


def test_a_task_without_labels_is_named() -> None:
    """The message says what is missing and what to do."""
    with pytest.raises(ValueError, match=r"no labels for keypoints, depth; give some or leave"):
        Labels(label_px=(8, 6), masks=MASKS).of(ALL)


def test_some_images_keep_all_their_labels() -> None:
    """Chosen images come in the order asked for, with every task; a fold is made so."""
    labels = Labels(
        label_px=(8, 6),
        masks=MASKS,
        keypoints=torch.arange(2.0)[:, None, None] + torch.zeros(2, 1, 3),
    )
    chosen = labels.select(torch.tensor([1, 0]))
    assert chosen.keypoints is not None
    assert chosen.keypoints[:, 0, 0].tolist() == [1.0, 0.0]
    assert len(chosen) == len(labels.select(torch.tensor([1])).to(torch.device("cpu"))) + 1
