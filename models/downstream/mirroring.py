"""Labels of mirrored images: left and right parts swap their names.

A swap is a permutation of a task's classes or keypoints. Maps of numbers (depth) have no names and need no swap.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.arrays import IGNORE_INDEX
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels

# The new index of each class or keypoint of a task, by the task's name.
Swaps = Mapping[str, Sequence[int]]


def swap_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the index of each name's mirror image; None when a left or right name has no partner.

    >>> swap_of(["nose", "left eye", "right eye"])
    (0, 2, 1)
    """
    partners = [_mirrored(name) for name in names]
    if not set(partners) <= set(names):
        return None
    return tuple(names.index(partner) for partner in partners)


def is_identity(swap: Sequence[int]) -> bool:
    """Return whether no name has a side."""
    return list(swap) == list(range(len(swap)))


def swapped(labels: Labels, swaps: Swaps) -> Labels:
    """Return labels whose left and right names are exchanged; places in the image stay."""
    tensors = {
        name: _swap(name, tensor, swaps.get(name)) for name, tensor in labels.by_task.items()
    }
    return Labels(labels.label_px, **tensors)


def _swap(task: str, tensor: Tensor, swap: Sequence[int] | None) -> Tensor:
    if swap is None:
        return tensor
    order = torch.tensor(swap, device=tensor.device)
    if task == SegmentationTask.name:
        table = torch.arange(IGNORE_INDEX + 1, device=tensor.device)
        table[: len(swap)] = order
        return table[tensor.long()].to(tensor.dtype)
    if task == KeypointTask.name:
        return tensor[:, order]
    return tensor


def _mirrored(name: str) -> str:
    """Return the name with left and right exchanged, also in capitals."""
    for left, right in (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT")):
        if left in name:
            return name.replace(left, right)
        if right in name:
            return name.replace(right, left)
    return name
