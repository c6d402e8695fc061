"""The folds of a comparison that are finished, and the network of the one that a stopping worker was in."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from models.downstream.training import TrainingStopped
from workers.saving.saved_states import OnStep, SavedState

T = TypeVar("T")


class ComparedFolds:
    """The qualities of the labels of the held-out images so far, by image, and the seconds that they took."""

    def __init__(self, saved: SavedState | None) -> None:
        """`saved` has the folds of an earlier attempt; without it nothing is kept."""
        self._saved = saved
        self.qualities: dict[int, float] = {}
        self.seconds = 0.0
        self._network: bytes | None = None
        state = saved.read() if saved else None
        if state is not None:
            self._load(state)

    def has(self, fold: Sequence[int]) -> bool:
        """Return whether a fold is finished."""
        return self.qualities.keys() >= set(fold)

    def add(self, qualities: Mapping[int, float], seconds: float) -> None:
        """Keep a finished fold. `seconds` are those of all folds so far."""
        self.qualities |= qualities
        self.seconds, self._network = seconds, None
        if self._saved is not None:
            self._saved.save(self._state())

    def train(
        self, work: Callable[[bytes | None, Callable[[], bool], OnStep], T], on_step: OnStep
    ) -> T:
        """Return the result of `work(state, should_stop, on_step)`; when it stops, keep the state of its network.

        The callback then ends the job.
        """
        saved = self._saved
        if saved is None:
            return work(None, lambda: False, on_step)
        last = (0, 1)

        def step(done: int, total: int) -> None:
            nonlocal last
            last = (done, total)
            # The training of a draining worker stops at its next step, with its state.
            if not saved.is_stopping:
                on_step(done, total)

        first = step if self._network is None else saved.found_first(step)
        try:
            return work(self._network, lambda: saved.is_stopping, first)
        except TrainingStopped as stopped:
            self._network = stopped.state
            saved.save(self._state())
            on_step(*last)
            raise

    def _state(self) -> dict[str, Tensor]:
        tensors = {
            "images": torch.tensor(list(self.qualities), dtype=torch.int64),
            "qualities": torch.tensor(list(self.qualities.values()), dtype=torch.float64),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }
        if self._network is not None:
            tensors["network"] = torch.frombuffer(bytearray(self._network), dtype=torch.uint8)
        return tensors

    def _load(self, state: Mapping[str, Tensor]) -> None:
        images, qualities = state["images"].tolist(), state["qualities"].tolist()
        self.qualities = dict(zip(images, qualities, strict=True))
        self.seconds = float(state["seconds"])
        if "network" in state:
            self._network = state["network"].numpy().tobytes()
