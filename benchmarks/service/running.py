"""A running service to measure: started with one worker for each queue, with a short fit and access to its store."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient
from examples.demo.stack import Stack
from state.settings import Settings

QUICK_OPTIONS = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}, "estimate": False}
"""Options of a fit that takes seconds. Its labels are poor."""


@dataclass(frozen=True)
class RunningService:
    """A service with a fit. `settings` give access to its store and its Redis, `folder` is for temporary files."""

    client: PlainClient
    address: str
    fit: str
    settings: Settings
    worker_pid: int
    folder: Path


@contextmanager
def running_service() -> Iterator[RunningService]:
    """Start a service and fit. The service stops when the block ends."""
    with tempfile.TemporaryDirectory() as name, Stack(Path(name)) as stack:
        stack.start()
        with closing(PlainClient(stack.address)) as client:
            yield RunningService(
                client=client,
                address=stack.address,
                fit=quick_fit(client, Path(name) / "labels"),
                settings=Settings(
                    store_url=stack.environment["HANDSOFF_STORE_URL"],
                    redis_url=SecretStr(stack.environment["HANDSOFF_REDIS_URL"]),
                ),
                worker_pid=stack.processes["generate"].pid,
                folder=Path(name),
            )


def quick_fit(client: PlainClient, folder: Path) -> str:
    """Fit a label generator of all three tasks with a few steps, enough for timing. Returns its id."""
    labelset = client.upload(render_labelset(folder, 4, "--all-truth"))
    fit = client.start_fit(generator="portraits-64", labelset=labelset, options=QUICK_OPTIONS)
    client.succeed(f"/v1/fits/{fit}")
    return fit


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and all its threads since its start."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(ticks) for ticks in after_name[11:13])
    return (user + system) / os.sysconf("SC_CLK_TCK")
