"""`handsoff evaluate` against real processes: over HTTP, through the queue, and across a killed worker."""

import importlib.util
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo.stack import EVALUATING_WORKERS, Stack
from handsoff_client import Evaluation, HandsOff
from tests.e2e.commands import OFTEN, TIMEOUT_SECONDS, command, handsoff, write_pairs
from tests.forked import ForkedStack

pytestmark = pytest.mark.slow

PX = 64
QUICK_FIT = "inversion.steps=1 ensemble.steps=30 ensemble.num_members=2 ensemble.hidden=[16,8] estimate=false"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with a worker of the queue `evaluate`."""
    with ForkedStack(tmp_path_factory.mktemp("evaluating"), settings=OFTEN) as stack:
        stack.start(EVALUATING_WORKERS)
        yield stack


def wait_for_unit(stack: Stack) -> Evaluation:
    """Wait until the first training of the newest evaluation has ended, while it runs."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with HandsOff(stack.address) as client:
        while time.monotonic() < deadline:
            for evaluation in client.evaluations.list(limit=1):
                if evaluation.status == "running" and any(arm.done for arm in evaluation.arms):
                    return evaluation
            time.sleep(0.1)
    raise TimeoutError(stack.log_of("evaluate"))


def units_of(stack: Stack, evaluation: Evaluation) -> dict[str, int]:
    """Return the finished units, and when each was written."""
    folder = stack.folder / f"store/tenants/default/evaluations/{evaluation.id}/units"
    return {path.stem: path.stat().st_mtime_ns for path in folder.glob("*.npz")}


HAS_SMP = importlib.util.find_spec("segmentation_models_pytorch") is not None
NETWORKS = [
    "unet",
    pytest.param(
        "smp:unet/resnet18",
        marks=pytest.mark.skipif(not HAS_SMP, reason="segmentation-models-pytorch is missing"),
    ),
]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_verdict_survives_a_killed_worker(stack: Stack, tmp_path: Path, network: str) -> None:
    """One command waits, writes the report and prints the verdict; no finished training is repeated."""
    pairs = write_pairs(tmp_path / "pairs", 6, px=PX, seed=0)
    heldout = write_pairs(tmp_path / "heldout", 6, px=PX, seed=1)
    fit = handsoff(
        stack,
        *("fit", pairs, "--generator", "portraits-64", "--wait"),
        *(word for option in QUICK_FIT.split() for word in ("--option", option)),
    )
    report = tmp_path / "report.html"
    words = [
        "--counts",
        "6",
        "--seeds",
        "2",
        "--steps",
        "12",
        "--arms",
        "real,synthetic,mixed,direct",
        "--network",
        network,
    ]
    running = subprocess.Popen(
        command(stack, "evaluate", fit, "--heldout", heldout, *words, "--out", report),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    evaluation = wait_for_unit(stack)
    stack.kill("evaluate")
    finished = units_of(stack, evaluation)
    assert 1 <= len(finished) < 7
    stack.start_worker("evaluate")
    output, progress = running.communicate(timeout=TIMEOUT_SECONDS)
    assert running.returncode == 0, progress
    assert "6 held-out images are too few" in progress
    log = (stack.folder / "evaluate.log").read_text()
    assert re.search(rf"job started.*attempt.*2.*{evaluation.id}", log)
    after = units_of(stack, evaluation)
    assert len(after) == 7
    assert finished.items() <= after.items()
    shown = json.loads(handsoff(stack, "--json", "show", evaluation.id))
    assert [(arm["done"], arm["total"]) for arm in shown["arms"]] == [
        (2, 2),
        (2, 2),
        (2, 2),
        (1, 1),
    ]
    evaluation_id, *verdict = output.strip().splitlines()
    assert (evaluation_id, verdict) == (evaluation.id, shown["report"]["verdict"])
    assert shown["report"]["network"] == network
    page = report.read_text()
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "src=" not in page


def test_own_images_are_labelled_and_compared(stack: Stack, tmp_path: Path) -> None:
    """Two commands: label, then evaluate. A held-out image among the own ones is left out, and named."""
    own = write_pairs(tmp_path / "own", 4, px=PX, seed=2)
    heldout = write_pairs(tmp_path / "heldout", 6, px=PX, seed=1)
    first = min((heldout / "images").iterdir())
    shutil.copy(first, own / "images" / f"copy{first.suffix}")
    with HandsOff(stack.address) as client:
        (fit,) = client.fits.list(limit=1)
    labeling, *_ = handsoff(stack, "label", fit.id, own / "images", "--wait").splitlines()
    words = ("--heldout", heldout, "--labeling", labeling, "--arms", "real,labelled")
    quick = ("--seeds", "1", "--steps", "4", "--wait")
    evaluation_id, verdict, *_ = handsoff(stack, "evaluate", fit.id, *words, *quick).splitlines()
    assert "Own images + real (4 pairs)" in verdict
    shown = json.loads(handsoff(stack, "--json", "show", evaluation_id))
    assert shown["labeling"]["id"] == labeling
    assert any(f"not trained on: copy{first.suffix}" in one for one in shown["report"]["warnings"])


def test_held_out_images_of_the_training_are_refused(stack: Stack, tmp_path: Path) -> None:
    """The command says which image is in both."""
    pairs = write_pairs(tmp_path / "pairs", 6, px=PX, seed=0)
    with HandsOff(stack.address) as client:
        (fit,) = client.fits.list(limit=1)
    done = subprocess.run(
        command(stack, "evaluate", fit.id, "--heldout", pairs),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "Its score would be too high" in done.stderr
