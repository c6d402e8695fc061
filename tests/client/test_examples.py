"""The examples for users: each trains, and those that resume go on where they were killed."""

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
from tests.app.streams.conftest import Render, render, stream_id  # noqa: F401 - fixtures
from tests.client.conftest import batch_folder, tar_of

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"
THREE_CLASSES = np.eye(8, dtype=np.uint8)
NUM_SAMPLES = 40
DEADLINE_SECONDS = 120

# webdataset opens shards by a name that it never closes; the warning is about its code.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:unclosed file:ResourceWarning"
)


def train(name: str) -> Callable[..., list[float]]:
    """An example's training loop."""
    function: Callable[..., list[float]] = runpy.run_path(str(EXAMPLES / f"{name}.py"))["train"]
    return function


def num_consumed(state: Path) -> int:
    """How many samples a saved state counts."""
    saved: dict[str, Any] = torch.load(state, weights_only=True)["data"]
    return int(saved["epoch"]) * NUM_SAMPLES + int(saved["position"])


@pytest.fixture
def three_classes(tmp_path: Path) -> BatchFolder:
    """40 samples whose masks hold only classes that their labels name."""
    return batch_folder(tmp_path / "batch", NUM_SAMPLES, mask=THREE_CLASSES)


@pytest.fixture
def write_shard() -> Callable[[range], bytes]:
    """Shards of a stream with such masks."""
    return lambda indices: tar_of(indices, THREE_CLASSES)


def test_a_training_loop_resumes(three_classes: BatchFolder, tmp_path: Path) -> None:
    """It learns, over two epochs and two runs."""
    state, loop = tmp_path / "state.pt", train("train_on_batch")
    first = loop(three_classes.folder, state, num_steps=4, num_workers=1)
    second = loop(three_classes.folder, state, num_steps=4, num_workers=1)
    assert len(first) == len(second) == 4
    assert second[-1] < first[0]
    assert num_consumed(state) == 8 * 8


@pytest.mark.slow
def test_a_training_loop_that_is_killed_goes_on(three_classes: BatchFolder, tmp_path: Path) -> None:
    """SIGKILL to the script and its workers, at whatever step; its last state is whole, and the next run continues."""
    state = tmp_path / "state.pt"
    script = [sys.executable, str(EXAMPLES / "train_on_batch.py")]
    given = [str(three_classes.folder), str(state)]
    with subprocess.Popen(
        [*script, *given], start_new_session=True, stderr=subprocess.DEVNULL
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


def test_a_training_loop_on_a_stream_goes_on(
    client: httpx2.Client,
    stream_id: str,  # noqa: F811 - a fixture
    render: Render,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    """It learns over two runs, each from shards that are rendered as it comes to them."""
    for shard in range(20):
        render(stream_id, shard)
    source = StreamSource(str(client.base_url), stream_id, cache=ShardCache(tmp_path / "cache"))
    state, loop = tmp_path / "state.pt", train("train_on_stream")
    first = loop(source, state, num_steps=4, num_workers=0)
    second = loop(source, state, num_steps=3, num_workers=0)
    assert second[-1] < first[0]
    assert num_consumed(state) == 7 * 8


@pytest.mark.parametrize("library", ["webdataset", "datasets"])
def test_another_library_learns(
    three_classes: BatchFolder, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """One epoch of 5 batches."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    losses = train(f"train_with_{library}")(three_classes.folder)
    assert len(losses) == 5
    assert losses[-1] < losses[0]
