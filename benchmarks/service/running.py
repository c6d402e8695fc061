"""A running service that is measured: a fit that is good for nothing else, and the processor time of one process."""

import os
from pathlib import Path

from examples.demo.demo import render_labelset
from examples.demo.road import Road


def quick_fit(road: Road, folder: Path) -> str:
    """A label generator of all three tasks, trained too shortly to be of use but not to be measured."""
    labelset = road.upload(render_labelset(folder, 4, "--all-truth"))
    quick = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}, "estimate": False}
    fit = road.start_fit(generator="portraits-64", labelset=labelset, options=quick)
    road.succeed(f"/v1/fits/{fit}")
    return fit


def processor_seconds(pid: int) -> float:
    """The processor time that a process, all its threads, has taken in its life."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(ticks) for ticks in after_name[11:13])
    return (user + system) / os.sysconf("SC_CLK_TCK")
