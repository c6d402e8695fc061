"""A killed training job of several ranks continues with more ranks, without losing or repeating samples."""

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
    """Train as one rank: report the indices of each batch and the state after it."""
    os.setsid()  # so that its workers can be killed with it
    data = HandsOffDataset(
        folder, batch_size=4, fields=("index",), seed=3, rank=rank, world_size=world_size
    )
    if state is not None:
        data.load_state_dict(state)
    for batch in data.loader(num_workers=2, prefetch_factor=4):
        report.send((batch["index"].tolist(), data.state_dict()))
    report.send(([], data.num_dropped))
    report.close()


class Rank:
    """A rank in a separate process. It is forked, because importing torch again takes seconds."""

    def __init__(self, folder: Path, rank: int, world_size: int, state: State | None) -> None:
        context = multiprocessing.get_context("fork")
        self.report, theirs = context.Pipe(duplex=False)
        arguments = (folder, rank, world_size, state, theirs)
        self.process = context.Process(target=train, args=arguments)
        self.process.start()
        theirs.close()

    def step(self) -> tuple[list[int], Any]:
        """Return the indices of the next batch and the state after it; at the end none and the dropped number."""
        assert self.report.poll(FOREVER)
        message: tuple[list[int], Any] = self.report.recv()
        return message

    def kill(self) -> None:
        """Send SIGKILL to the rank and its workers."""
        assert self.process.pid is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def finish(self) -> tuple[list[int], int]:
        """Return the remaining indices of the rank, and the number of dropped samples."""
        consumed: list[int] = []
        while (step := self.step())[0]:
            consumed += step[0]
        self.process.join()
        return consumed, step[1]


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder:
    """103 samples in 18 shards: 103 is a prime number."""
    return batch_folder(tmp_path / "batch", NUM_SAMPLES)


def test_a_killed_job_continues_at_another_world_size(folder: BatchFolder) -> None:
    """2 ranks of 2 workers are killed, 4 ranks finish: every index once, except for fewer dropped ones than ranks."""
    consumed: list[int] = []
    state: State | None = None
    for rank in [Rank(folder.folder, number, 2, None) for number in range(2)]:
        for _ in range(5):
            indices, state = rank.step()
            consumed += indices
        rank.kill()
    ends = [rank.finish() for rank in [Rank(folder.folder, k, 4, state) for k in range(4)]]
    consumed += [index for indices, _ in ends for index in indices]
    assert [len(indices) for indices, _ in ends] == [15] * 4
    assert len(set(consumed)) == len(consumed) == NUM_SAMPLES - 3
    assert set(consumed) <= set(range(NUM_SAMPLES))
    assert {num_dropped for _, num_dropped in ends} == {3}
