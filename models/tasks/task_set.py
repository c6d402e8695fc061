"""The tasks that one ensemble learns, and the labels that it learns them from.

One ensemble serves all tasks: its members share their hidden layers, and the outputs of the last layer are split by
task. On portraits, sharing costs masks and keypoints nothing that exceeds the noise, and depth 1 to 2 points of AbsRel;
one fit takes 19 CPU seconds where three take 50 (benchmarks/LOG.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from models.tasks.task import LabelPx, Loss, Outputs, Targets, Task


class TaskSet:
    """Different tasks in the order of their outputs in the last layer."""

    def __init__(self, *tasks: Task) -> None:
        """Raise ValueError for no task, and for two tasks of one name."""
        # in order; a repeated name makes it shorter than `tasks`
        self._tasks = {task.name: task for task in tasks}
        if not tasks or len(self._tasks) != len(tasks):
            names = ", ".join(task.name for task in tasks) or "none"
            raise ValueError(f"expected at least one task and different names, got {names}")

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def __getitem__(self, name: str) -> Task:
        return self._tasks[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskSet) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tasks, in order."""
        return tuple(self._tasks)

    @property
    def outputs(self) -> int:
        """The number of outputs of the ensemble's last layer at a pixel."""
        return sum(task.outputs for task in self)

    def split(self, outputs: Tensor, dim: int) -> dict[str, Tensor]:
        """Return each task's part of the outputs along `dim`, as views."""
        # The order is that of the last layer's columns in every stored ensemble.
        parts = outputs.split([task.outputs for task in self], dim=dim)
        return dict(zip(self.names, parts, strict=True))

    def loss(self, outputs: Outputs, targets: Mapping[str, Targets]) -> Loss:
        """Sum the losses of the tasks as they are.

        Their units are chosen to be of one size: nats per pixel for classes, nats summed over the points for keypoints,
        standard deviations for depth.
        """
        # [members, count, outputs] to a view per task; one stack keeps a single sum for autograd.
        parts = self.split(outputs, dim=-1)
        return torch.stack([task.loss(parts[task.name], targets[task.name]) for task in self]).sum()

    def to_dict(self) -> dict[str, Any]:
        """Return each task's fields by its name, as JSON has them."""
        return {task.name: task.to_dict() for task in self}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], kinds: Sequence[type[Task]]) -> "TaskSet":
        """Undo `to_dict`; the tasks have the order of `kinds`, also for sorted JSON.

        Version 0.1 stored null for tasks that were not learned. Raises ValueError for a task that is not in `kinds`.
        """
        stored = {name: fields for name, fields in values.items() if fields is not None}
        unknown = sorted(stored.keys() - {kind.name for kind in kinds})
        if unknown:
            raise ValueError(
                f"expected the tasks {', '.join(kind.name for kind in kinds)}, got {', '.join(unknown)}; "
                "use the version that fitted this ensemble"
            )
        # The order of `kinds` is that of the last layer's outputs.
        return cls(*(kind.from_dict(stored[kind.name]) for kind in kinds if kind.name in stored))


class Labels:
    """The labels of some images, one tensor per task by its name; the first axis counts images.

    Each task's file says what its tensor holds. All images have labels of the size `label_px` (height, width).
    """

    def __init__(self, label_px: LabelPx, **by_task: Tensor) -> None:
        if not by_task:
            raise ValueError("expected the labels of at least one task, got none")
        # For today's tasks: segmentation and depth [n, h, w], keypoints [n, points, 3].
        self.label_px, self.by_task = label_px, by_task

    def __len__(self) -> int:
        """The number of images."""
        return len(next(iter(self.by_task.values())))

    def __getitem__(self, task: str) -> Tensor:
        return self.by_task[task]

    @property
    def device(self) -> torch.device:
        return next(iter(self.by_task.values())).device

    def to(self, device: torch.device) -> "Labels":
        """Return the same labels on a device."""
        return self._with({name: tensor.to(device) for name, tensor in self.by_task.items()})

    def select(self, images: Int[Tensor, " chosen"]) -> "Labels":
        """Return the labels of some of the images, in the requested order."""
        return self._with({name: tensor[images] for name, tensor in self.by_task.items()})

    def with_more(self, others: "Labels") -> "Labels":
        """Return these labels followed by those of other images of the same size and tasks."""
        return self._with(
            {name: torch.cat([tensor, others[name]]) for name, tensor in self.by_task.items()}
        )

    def of(self, tasks: TaskSet) -> "Labels":
        """Return the labels of these tasks alone. Raise ValueError for a task without labels, or with misfits."""
        missing = [name for name in tasks.names if name not in self.by_task]
        if missing:
            raise ValueError(
                f"there are no labels for {', '.join(missing)}; add labels or leave the task out"
            )
        # Sizes are checked once, here, so that losses need not check them.
        for task in tasks:
            task.check(self[task.name], self.label_px)
        return self._with({name: self[name] for name in tasks.names})

    def _with(self, tensors: Mapping[str, Tensor]) -> "Labels":
        return Labels(self.label_px, **tensors)
