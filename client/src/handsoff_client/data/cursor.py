"""The position of a training loop in the epochs of a dataset, shared with the workers of its loader."""

import torch


class Cursor:
    """The position of reading. Epoch and start are shared with the workers, the number of consumed samples is not."""

    def __init__(self) -> None:
        self._shared = torch.zeros(
            3, dtype=torch.int64
        ).share_memory_()  # epoch, start, by a worker
        self.num_consumed = 0
        self.is_counted = False

    @property
    def epoch(self) -> int:
        """The number of the epoch, from 0."""
        return int(self._shared[0])

    @property
    def start(self) -> int:
        """The position in the order at which reading started."""
        return int(self._shared[1])

    @property
    def is_known(self) -> bool:
        """False when workers have read samples that this process has not counted."""
        return self.is_counted or not self._shared[2]

    def begin(self, epoch: int, start: int) -> None:
        """Start reading at a position."""
        self._shared[0], self._shared[1], self._shared[2] = epoch, start, 0
        self.num_consumed = 0
        self.is_counted = False

    def note_worker(self) -> None:
        """Note that a worker has started to read. Called in the worker."""
        self._shared[2] = 1
