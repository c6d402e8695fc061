"""From a folder of unlabelled images to a fitted label generator, by the commands of `handsoff` against real processes.

The worker of the training is killed on the way.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo.stack import TRAINING_WORKERS, Stack
from handsoff_client import HandsOff
from tests.e2e.commands import OFTEN, TIMEOUT_SECONDS, handsoff, write_pairs
from tests.forked import ForkedStack

pytestmark = pytest.mark.slow

PX = 16
SAVING = {**OFTEN, "HANDSOFF_KEEP_INTERVAL": "PT0.5S"}
QUICK_FIT = "inversion.steps=1 ensemble.steps=300 ensemble.num_members=2 ensemble.hidden=[16,8] estimate=false"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with a worker of the queue `train`, which saves its state often."""
    with ForkedStack(tmp_path_factory.mktemp("training"), settings=SAVING) as stack:
        stack.start(TRAINING_WORKERS)
        yield stack


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 24 images with a bright part beside a dark one, and the masks of both."""
    return write_pairs(tmp_path_factory.mktemp("training") / "pairs", 24, px=PX, seed=0)


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
    generator = train(stack, pairs, "stylegan2", every=40, more="inverter_images=16")
    fit = handsoff(
        stack,
        *("fit", pairs, "--generator", generator, "--wait"),
        *(word for option in QUICK_FIT.split() for word in ("--option", option)),
    )
    batch = handsoff(stack, "batch", fit, "-n", "4", "--wait")
    assert json.loads(handsoff(stack, "--json", "show", batch))["status"] == "succeeded"


def train(stack: Stack, pairs: Path, family: str, *, every: int, more: str = "") -> str:
    """Train on 120 images with a kill on the way and a snapshot after `every` images. Returns the generator's id."""
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
    return generator


@pytest.mark.long
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
