"""The examples: each trains, and those with a state continue after a kill."""

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch

from handsoff_client import BatchFolder, ShardCache, StreamSource
from tests.app.streams.conftest import Render
from tests.client.conftest import batch_folder, tar_of

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"
THREE_CLASSES = np.eye(8, dtype=np.uint8)
NUM_SAMPLES = 40
DEADLINE_SECONDS = 120

# webdataset does not close the shards that it opens.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:unclosed file:ResourceWarning"
)


def train(name: str) -> Callable[..., list[float]]:
    """Return the training loop of an example."""
    function: Callable[..., list[float]] = runpy.run_path(str(EXAMPLES / f"{name}.py"))["train"]
    return function


def num_consumed(state: Path) -> int:
    """Return the number of consumed samples of a saved state."""
    saved: dict[str, Any] = torch.load(state, weights_only=True)["data"]
    return int(saved["epoch"]) * NUM_SAMPLES + int(saved["position"])


@pytest.fixture
def three_classes(tmp_path: Path) -> BatchFolder:
    """40 samples whose masks contain only classes of the schema."""
    return batch_folder(tmp_path / "batch", NUM_SAMPLES, mask=THREE_CLASSES)


@pytest.fixture
def write_shard() -> Callable[[range], bytes]:
    """The shards of a stream with the same masks."""
    return lambda indices: tar_of(indices, THREE_CLASSES)


def test_a_training_loop_resumes(three_classes: BatchFolder, tmp_path: Path) -> None:
    """The loss decreases over two epochs and two runs."""
    state, loop = tmp_path / "state.pt", train("train_on_batch")
    first = loop(three_classes.folder, state, num_steps=4, num_workers=1)
    second = loop(three_classes.folder, state, num_steps=4, num_workers=1)
    assert len(first) == len(second) == 4
    assert second[-1] < first[0]
    assert num_consumed(state) == 8 * 8


@pytest.mark.slow
def test_a_killed_training_loop_continues(three_classes: BatchFolder, tmp_path: Path) -> None:
    """SIGKILL ends the script and its workers at any step. The last state is complete, and the next run continues."""
    state = tmp_path / "state.pt"
    script = [sys.executable, str(EXAMPLES / "train_on_batch.py")]
    arguments = [str(three_classes.folder), str(state)]
    with subprocess.Popen(
        [*script, *arguments], start_new_session=True, stderr=subprocess.DEVNULL
    ) as running:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
    consumed = num_consumed(state)
    assert consumed > 0
    assert consumed % (8 * 10) == 0
    train("train_on_batch")(three_classes.folder, state, num_steps=3, num_workers=0)
    assert num_consumed(state) == consumed + 3 * 8


def test_a_training_loop_on_a_stream_continues(
    client: httpx2.Client,
    stream_id: str,
    render: Render,
    tmp_path: Path,
) -> None:
    """The loss decreases over two runs on the shards of a stream."""
    for shard in range(20):
        render(stream_id, shard)
    source = StreamSource(str(client.base_url), stream_id, cache=ShardCache(tmp_path / "cache"))
    state, loop = tmp_path / "state.pt", train("train_on_stream")
    first = loop(source, state, num_steps=4, num_workers=0)
    second = loop(source, state, num_steps=3, num_workers=0)
    assert second[-1] < first[0]
    assert num_consumed(state) == 7 * 8


@pytest.mark.parametrize("library", ["webdataset", "datasets"])
def test_another_library_trains(
    three_classes: BatchFolder, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """One epoch of 5 batches."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    losses = train(f"train_with_{library}")(three_classes.folder)
    assert len(losses) == 5
    assert losses[-1] < losses[0]
