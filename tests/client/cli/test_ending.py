"""Delete resources, and interrupt a command."""

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
    """Start `handsoff` as a separate process, and return the address of the app and the process."""
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


def test_every_resource_is_deleted_by_its_id(
    run: Run, labelset_id: str, finished_fit_id: str, finish_batch: Finish
) -> None:
    """Each deleted id is printed on its own line."""
    _, batch, _ = run("batch", finished_fit_id, "-n", "2")
    finish_batch(batch.strip())
    _, stream, _ = run("stream", finished_fit_id)
    ids = [stream.strip(), batch.strip(), finished_fit_id, labelset_id]
    code, out, message = run("rm", *ids)
    assert (code, message) == (0, "")
    assert out == "".join(f"deleted {one}\n" for one in ids)
    assert [run("--json", noun)[1] for noun in ("streams", "batches", "fits", "labelsets")] == [
        ""
    ] * 4


def test_force_cancels_a_running_job_before_deleting_it(
    run: Run,
    run_alone: RunAlone,
    client: httpx2.Client,
    fit_id: str,
    finish_fit: Callable[[str], None],
) -> None:
    """Without `--force`, the message has the command."""
    code, _, message = run("rm", fit_id)
    assert code == 1
    assert f"rm --force {fit_id}` cancels and deletes it" in message
    _, process = run_alone("rm", "--force", fit_id)
    while client.get(f"/v1/fits/{fit_id}").json()["status"] == "queued":
        assert process.poll() is None
    finish_fit(fit_id)  # as a worker that sees the cancel too late
    assert process.wait() == 0
    assert client.get(f"/v1/fits/{fit_id}").status_code == 410


def test_an_id_that_cannot_be_deleted_does_not_stop_the_others(run: Run, labelset_id: str) -> None:
    """Each has a message, and the exit code is 1."""
    code, out, message = run("rm", "tiny-33", labelset_id, "batch_1")
    assert (code, out) == (1, f"deleted {labelset_id}\n")
    assert [line.partition(": ")[0] for line in message.splitlines()] == [
        "tiny-33",
        "batch_1",
        "handsoff",
    ]
    assert message.splitlines()[-1] == "handsoff: 2 of 3 resources were not deleted."


def interrupted(process: subprocess.Popen[str]) -> str:
    """Return the message after Ctrl+C, repeated every 10 s: Python drops an interrupt during a finalizer."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=10)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the command does not end")


def test_an_interrupted_wait_names_the_next_command(run_alone: RunAlone, fit_id: str) -> None:
    """Ctrl+C ends the wait, not the job."""
    address, process = run_alone("wait", fit_id)
    assert process.stderr is not None
    assert process.stderr.readline() == f"{fit_id}: queued (position 0)\n"
    message = interrupted(process)
    assert process.returncode == 130
    command = f"handsoff --url {address}"
    assert message == (
        f"handsoff: {fit_id} continues on the service. `{command} wait {fit_id}` returns to it,"
        f" `{command} cancel {fit_id}` stops it.\n"
    )
