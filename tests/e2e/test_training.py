"""From a folder of unlabelled images to a fitted label generator, by the commands of `handsoff` against real processes.

The worker of the training is killed on the way.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.demo.stack import TRAINING_WORKERS, Stack
from handsoff_client import HandsOff

pytestmark = pytest.mark.slow

PX = 16
OFTEN = {
    "HANDSOFF_CPU_THREADS": "1",
    "HANDSOFF_KEEP_INTERVAL": "PT0.5S",
    "HANDSOFF_HEARTBEAT_INTERVAL": "PT1S",
    "HANDSOFF_HEARTBEAT_FRESH": "PT4S",
    "HANDSOFF_RECONCILE_INTERVAL": "PT1S",
}
QUICK_FIT = "inversion.steps=1 ensemble.steps=300 ensemble.num_members=2 ensemble.hidden=[16,8] estimate=false"
TIMEOUT_SECONDS = 240


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with a worker of the queue `train`, which saves its state often."""
    with Stack(tmp_path_factory.mktemp("training"), settings=OFTEN) as stack:
        stack.start(TRAINING_WORKERS)
        yield stack


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 24 images with a bright part beside a dark one, and the masks of both."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(24):
        bright = np.broadcast_to(np.arange(PX) < rng.integers(4, 12), (PX, PX))
        pixels = np.where(bright[..., None], 200, 20) + rng.integers(0, 40, (PX, PX, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"images/{number}.png")
        Image.fromarray(bright.astype(np.uint8)).save(folder / f"masks/{number}.png")
    (folder / "labelset.json").write_text('{"name": "parts", "classes": ["dark", "bright"]}')
    return folder


def handsoff(stack: Stack, *words: str | Path) -> str:
    """Run a command to its end; return its output."""
    command = [sys.executable, "-m", "handsoff_client", "--url", stack.address, *map(str, words)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for_state(stack: Stack, generator: str, *, snapshots: int = 0) -> None:
    """Wait until a state is saved, after this number of snapshots."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with HandsOff(stack.address) as client:
        while time.monotonic() < deadline:
            training = client.generators.get(generator).training
            if training and training.images_seen and len(training.snapshots) >= snapshots:
                return
            time.sleep(0.2)
    raise TimeoutError(stack.log_of("train"))


def test_a_folder_becomes_a_label_generator(stack: Stack, pairs: Path) -> None:
    """Three commands: train, fit, batch. After SIGKILL the training continues from its last saved state."""
    train_fit_and_batch(stack, pairs, "stylegan2", every=40, more="inverter_images=16")


def train_fit_and_batch(
    stack: Stack, pairs: Path, family: str, *, every: int, more: str = ""
) -> None:
    """Train on 120 images with a kill on the way and a snapshot after `every` images; then fit and render a batch."""
    options = f"batch=8 snapshot_images={every} {more}"
    generator = handsoff(
        stack,
        *("train", pairs / "images", "--px", str(PX), "--images", "120", "--family", family),
        *(word for option in options.split() for word in ("--option", option)),
    )
    wait_for_state(stack, generator)
    stack.kill("train")
    stack.start_worker("train")
    handsoff(stack, "wait", generator)
    log = (stack.folder / "train.log").read_text()
    assert re.search(rf"job started.*attempt.*2.*{generator}", log)
    shown = json.loads(handsoff(stack, "--json", "show", generator))
    training = shown["training"]
    assert (shown["status"], training["images_seen"]) == ("succeeded", 120)
    assert [each["images_seen"] for each in training["snapshots"]] == [*range(every, 121, every)]
    assert len(shown["inverters"]) == (family == "stylegan2")
    fit = handsoff(
        stack,
        *("fit", pairs, "--generator", generator, "--wait"),
        *(word for option in QUICK_FIT.split() for word in ("--option", option)),
    )
    batch = handsoff(stack, "batch", fit, "-n", "4", "--wait")
    assert json.loads(handsoff(stack, "--json", "show", batch))["status"] == "succeeded"


def test_a_training_is_stopped_early_by_a_command(stack: Stack, pairs: Path) -> None:
    """`handsoff stop` ends a training of hours with its best snapshot."""
    generator = handsoff(
        stack,
        *("train", pairs / "images", "--px", str(PX), "--hours", "5"),
        *("--option", "batch=8", "--option", "snapshot_images=40", "--option", "inverter_images=0"),
    )
    wait_for_state(stack, generator, snapshots=1)
    handsoff(stack, "stop", generator)
    handsoff(stack, "wait", generator)
    shown = json.loads(handsoff(stack, "--json", "show", generator))
    assert shown["training"]["best_images_seen"] is not None
    assert shown["height_px"] == PX
