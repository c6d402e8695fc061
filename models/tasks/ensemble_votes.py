"""The votes of an ensemble on all of its tasks, counted member by member.

Members are added one by one and none is kept: memory holds one member's maps and the running sums.
"""

from collections.abc import Iterable
from typing import TypeVar

from models.arrays import FeatureMaps
from models.tasks.mirroring import Swaps
from models.tasks.task import LabelPx, Votes
from models.tasks.task_set import TaskSet

VotesOfTask = TypeVar("VotesOfTask", bound=Votes)


class EnsembleVotes:
    """The votes of every task, by the task's name, in the order of the outputs."""

    def __init__(self, tasks: TaskSet, label_px: LabelPx) -> None:
        self._tasks = tasks
        self.votes: dict[str, Votes] = {task.name: task.votes(label_px) for task in tasks}

    def of(self, kind: type[VotesOfTask]) -> VotesOfTask:
        """Return the votes of this class. Raise ValueError when no task has them."""
        for votes in self.votes.values():
            if isinstance(votes, kind):
                return votes
        raise ValueError(f"expected {kind.__name__}, got votes on {', '.join(self.votes)}")

    def count(self, member_outputs: Iterable[FeatureMaps]) -> "EnsembleVotes":
        """Add members one by one, each with raw outputs [n, outputs, h, w]; the tasks get views of them, not copies."""
        # Members arrive from the head one by one: ten members of 1024 px with 19 classes would be 800 MB at once.
        for outputs in member_outputs:
            # [n, outputs, h, w] => one view [n, outputs of the task, h, w] per task
            for name, part in self._tasks.split(outputs, dim=1).items():
                self.votes[name].add(part)
        return self

    def count_mirrored(self, member_outputs: Iterable[FeatureMaps], swaps: Swaps) -> None:
        """Add the members' outputs for the mirrored images, as further members."""
        for outputs in member_outputs:
            parts = self._tasks.split(outputs, dim=1)
            for task in self._tasks:
                swap = swaps.get(task.name, ())
                self.votes[task.name].add(task.unmirrored(parts[task.name], swap))
