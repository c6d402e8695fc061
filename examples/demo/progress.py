"""A job's progress as a person likes to watch it: one bar for each stage, filled as the job's own answers say."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from examples.demo.road import Json, Watch


@contextmanager
def watching(console: Console, title: str) -> Iterator[Watch]:
    """Yields a function that shows what a job's latest answer says."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    stages: dict[str, TaskID] = {}

    def watch(job: Json) -> None:
        progress = job["progress"]
        if progress is None:
            return
        stage = progress["stage"]
        if stage not in stages:
            _fill(bars, stages)
            stages[stage] = bars.add_task(f"{title}: {stage}")
        bars.update(stages[stage], completed=progress["done"], total=progress["total"])

    with bars:
        yield watch
        _fill(bars, stages)


def _fill(bars: Progress, stages: dict[str, TaskID]) -> None:
    """A stage that is over is full, also when its last step fell between two looks."""
    for task in bars.tasks:
        if task.id in stages.values():
            bars.update(task.id, completed=task.total)
