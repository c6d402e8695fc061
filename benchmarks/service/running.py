"""Tools to measure a running service: a short fit, and the processor time of a process."""

import os
from pathlib import Path

from examples.demo.demo import render_labelset
from examples.demo.plain_client import PlainClient


def quick_fit(client: PlainClient, folder: Path) -> str:
    """Fit a label generator of all three tasks with a few steps, enough for timing. Returns its id."""
    labelset = client.upload(render_labelset(folder, 4, "--all-truth"))
    quick = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}, "estimate": False}
    fit = client.start_fit(generator="portraits-64", labelset=labelset, options=quick)
    client.succeed(f"/v1/fits/{fit}")
    return fit


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and all its threads since its start."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(ticks) for ticks in after_name[11:13])
    return (user + system) / os.sysconf("SC_CLK_TCK")
