"""Labels of mirrored images: parts change sides, and left and right parts swap their names.

A swap is a permutation of a task's classes or keypoints. Maps of numbers (depth) have no names and need no swap.
"""

from collections.abc import Mapping, Sequence

from models.tasks.task_set import Labels, TaskSet

# The new index of each class or keypoint of a task, by the task's name.
Swaps = Mapping[str, Sequence[int]]


def is_identity(swap: Sequence[int]) -> bool:
    """Return whether no name has a side."""
    return list(swap) == list(range(len(swap)))


def swapped(labels: Labels, tasks: TaskSet, swaps: Swaps) -> Labels:
    """Return labels whose left and right names are exchanged; places in the image stay."""
    tensors = {
        task.name: task.swapped(labels[task.name], swaps[task.name])
        if task.name in swaps
        else labels[task.name]
        for task in tasks
    }
    return Labels(labels.label_px, **tensors)


def mirrored(labels: Labels, tasks: TaskSet, swaps: Swaps) -> Labels:
    """Return the labels of mirrored images: both places and names have changed sides."""
    tensors = {task.name: task.mirrored(labels[task.name], labels.label_px) for task in tasks}
    return swapped(Labels(labels.label_px, **tensors), tasks, swaps)
