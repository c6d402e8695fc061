"""The command line at the end of things: what is deleted, and what is interrupted."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx2
import pytest

from contracts.batches import BatchManifest
from tests.client.conftest import Run

Finish = Callable[[str], BatchManifest]
RunAlone = Callable[..., tuple[str, subprocess.Popen[str]]]


@pytest.fixture
def run_alone(client: httpx2.Client) -> Iterator[RunAlone]:
    """Starts `handsoff` as a process of its own: the app's address, and the process."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[str, subprocess.Popen[str]]:
        address = str(client.base_url).rstrip("/")
        command = [sys.executable, "-m", "handsoff_client", "--url", address, *words]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return address, started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def test_anything_is_deleted_by_its_id(
    run: Run, labelset_id: str, finished_fit_id: str, finish_batch: Finish
) -> None:
    """What was deleted is said, one line each."""
    _, batch, _ = run("batch", finished_fit_id, "-n", "2")
    finish_batch(batch.strip())
    _, stream, _ = run("stream", finished_fit_id)
    ids = [stream.strip(), batch.strip(), finished_fit_id, labelset_id]
    code, said, told = run("rm", *ids)
    assert (code, told) == (0, "")
    assert said == "".join(f"deleted {thing}\n" for thing in ids)
    assert [run("--json", noun)[1] for noun in ("streams", "batches", "fits", "labelsets")] == [
        ""
    ] * 4


def test_what_runs_is_cancelled_before_it_is_deleted(
    run: Run,
    run_alone: RunAlone,
    client: httpx2.Client,
    fit_id: str,
    finish_fit: Callable[[str], None],
) -> None:
    """Only when it is asked for; without that, the command that does it is named."""
    code, _, told = run("rm", fit_id)
    assert code == 1
    assert f"rm --force {fit_id}` cancels it first" in told
    _, process = run_alone("rm", "--force", fit_id)
    while client.get(f"/v1/fits/{fit_id}").json()["status"] == "queued":
        assert process.poll() is None
    finish_fit(fit_id)  # as the worker that finds the cancel too late
    assert process.wait() == 0
    assert client.get(f"/v1/fits/{fit_id}").status_code == 410


def test_what_cannot_be_deleted_does_not_keep_the_others(run: Run, labelset_id: str) -> None:
    """Each is named, and the exit code says that something is left."""
    code, said, told = run("rm", "tiny-33", labelset_id, "batch_1")
    assert (code, said) == (1, f"deleted {labelset_id}\n")
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        "tiny-33",
        "batch_1",
        "handsoff",
    ]
    assert told.splitlines()[-1] == "handsoff: 2 of 3 were not deleted."


def interrupted(process: subprocess.Popen[str]) -> str:
    """What a command says after Ctrl+C, pressed again after 10 s: Python drops one that arrives in a finalizer."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=10)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the command does not end")


def test_an_interrupted_wait_says_how_to_return(run_alone: RunAlone, fit_id: str) -> None:
    """Ctrl+C ends the wait, not the job."""
    address, process = run_alone("wait", fit_id)
    assert process.stderr is not None
    assert process.stderr.readline() == f"{fit_id}: queued (place 0)\n"
    told = interrupted(process)
    assert process.returncode == 130
    command = f"handsoff --url {address}"
    assert told == (
        f"handsoff: {fit_id} goes on at the service. `{command} wait {fit_id}` returns to it,"
        f" `{command} cancel {fit_id}` stops it.\n"
    )
