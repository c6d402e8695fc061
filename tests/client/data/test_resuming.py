"""A training job of several ranks that is killed and goes on with others: no index twice, and only a told tail lost."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from handsoff_client import BatchFolder
from handsoff_client.torch import HandsOffDataset
from tests.client.conftest import batch_folder

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

NUM_SAMPLES = 103
FOREVER = 600

State = dict[str, Any]


def train(
    folder: Path, rank: int, world_size: int, state: State | None, report: Connection
) -> None:
    """One rank: reports the indices of each batch and the state after it, as a training step would save its weights."""
    os.setsid()  # so that its workers can be killed with it
    data = HandsOffDataset(
        folder, batch_size=4, fields=("index",), seed=3, rank=rank, world_size=world_size
    )
    if state is not None:
        data.load_state_dict(state)
    for batch in data.loader(num_workers=2, prefetch_factor=4):
        report.send((batch["index"].tolist(), data.state_dict()))
    report.send(([], data.left_behind))
    report.close()


class Rank:
    """A rank in a process of its own. Forked, as a DataLoader's workers are: importing torch anew takes seconds."""

    def __init__(self, folder: Path, rank: int, world_size: int, state: State | None) -> None:
        context = multiprocessing.get_context("fork")
        self.report, theirs = context.Pipe(duplex=False)
        arguments = (folder, rank, world_size, state, theirs)
        self.process = context.Process(target=train, args=arguments)
        self.process.start()
        theirs.close()

    def step(self) -> tuple[list[int], Any]:
        """The indices of its next batch, and the state after it; at the end none, and how many nobody got."""
        assert self.report.poll(FOREVER)
        found: tuple[list[int], Any] = self.report.recv()
        return found

    def kill(self) -> None:
        """SIGKILL, to its workers too."""
        assert self.process.pid is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def finish(self) -> tuple[list[int], int]:
        """All that is left to it, and how many nobody got."""
        consumed: list[int] = []
        while (step := self.step())[0]:
            consumed += step[0]
        self.process.join()
        return consumed, step[1]


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder:
    """103 samples in 18 shards: no world size divides them."""
    return batch_folder(tmp_path / "batch", NUM_SAMPLES)


def test_a_killed_job_goes_on_at_another_world_size(folder: BatchFolder) -> None:
    """2 ranks x 2 workers, killed; 4 ranks x 2 workers finish: every index once, but for a tail of fewer than ranks."""
    consumed: list[int] = []
    state: State | None = None
    for rank in [Rank(folder.folder, number, 2, None) for number in range(2)]:
        for _ in range(5):
            found, state = rank.step()
            consumed += found
        rank.kill()
    ends = [rank.finish() for rank in [Rank(folder.folder, k, 4, state) for k in range(4)]]
    consumed += [index for found, _ in ends for index in found]
    assert [len(found) for found, _ in ends] == [15] * 4
    assert len(set(consumed)) == len(consumed) == NUM_SAMPLES - 3
    assert set(consumed) <= set(range(NUM_SAMPLES))
    assert {left for _, left in ends} == {3}
