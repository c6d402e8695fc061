"""Shared parts of the subcommands of `handsoff`: print, upload, wait with progress, download to a folder."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from handsoff_client.api.jobs import Jobs
from handsoff_client.api.labelset_resources import CheckedLabels
from handsoff_client.api.resources import Fit, Job, Json
from handsoff_client.cli import tables
from handsoff_client.cli.progress import Line, bar
from handsoff_client.cli.stages import Schedule, evaluation_schedule, schedule_from
from handsoff_client.cli.terminal import printable, write_message
from handsoff_client.cli.training_news import TrainingNews
from handsoff_client.client import HandsOff
from handsoff_client.errors import JobEnded, WaitTimeout
from handsoff_client.http.operations import GET_READY
from handsoff_shards.errors import HandsOffError, InvalidInput

EARLIER_FITS = 10
"""How many succeeded fits are searched for the same generator and options, to estimate the time left."""

CANCEL_TIMEOUT = timedelta(seconds=60)
"""How long `rm --force` waits for a cancelled job. A worker checks for a cancel once per second."""


class Interrupted(KeyboardInterrupt):
    """Ctrl+C, with a message that says what continues and how to return to it."""


class Resource(Protocol):
    """Any answer of the service."""

    @property
    def json(self) -> Json: ...


R = TypeVar("R", bound=Resource)


class Runner:
    """One command line on one service."""

    def __init__(self, client: HandsOff, arguments: argparse.Namespace) -> None:
        self._client = client
        self._arguments = arguments

    def _jobs(self, job_id: str) -> Jobs[Job]:
        """Return the jobs of the kind of this id. The id of a built-in generator has no prefix."""
        kinds: dict[str, Jobs[Job]] = {
            "inverter": self._client.inverters,
            "fit": self._client.fits,
            "batch": self._client.batches,
            "labeling": self._client.labelings,
            "evaluation": self._client.evaluations,
        }
        return kinds.get(job_id.partition("_")[0], self._client.generators)

    def _labelset(self, pairs: str) -> str:
        """Return the id of a labelset. `pairs` is that id, or a path that is uploaded."""
        if is_labelset(pairs):
            return pairs
        arguments = self._arguments
        schema = {"classes": arguments.classes} if arguments.classes else None
        labelset = self._client.labelsets.upload(pairs, schema=schema, annotations=arguments.coco)
        write_message(f"uploaded {labelset.num_images} images as {labelset.id}")
        self._warn(labelset)
        return labelset.id

    def _warn(self, labels: CheckedLabels) -> None:
        for warning in labels.warnings:
            write_message(f"warning: {' '.join(str(warning).split())}")

    def _wait(self, jobs: Jobs[Job], job_id: str, next_command: str | None = None) -> None:
        """Wait with progress, and write the state of the job at its end. See `_wait_for`."""
        write_message(tables.job(self._wait_for(jobs, job_id, next_command)))

    def _wait_for(self, jobs: Jobs[Job], job_id: str, next_command: str | None = None) -> Job:
        """Wait with progress. After Ctrl+C a message names `next_command` (default: `handsoff wait`)."""
        with (
            self._interruptible(job_id, next_command or f"wait {job_id}"),
            bar(schedule=self._schedule(jobs, job_id)) as watch,
        ):
            news = TrainingNews(write_message)

            def show(job: Job) -> None:
                news.show(job)
                watch(job)

            return jobs.wait(job_id, watch=show)

    def _report_missing_worker(self, queue: str, message: str) -> None:
        """Write a message if no worker serves a queue: its jobs wait."""
        if not self._client.transport.call(GET_READY).get("workers", {}).get(queue):
            write_message(f"{message}: the job waits until one runs (`python -m workers {queue}`)")

    @contextmanager
    def _interruptible(self, job_id: str, next_command: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(
                f"{job_id} continues on the service. `{self._command(next_command)}` returns to it,"
                f" `{self._command(f'cancel {job_id}')}` stops it."
            ) from None

    def _command(self, words: str) -> str:
        """Return a command line for this service that the user can copy."""
        url = f"--url {self._client.url} " if self._arguments.url else ""
        return f"handsoff {url}{words}"

    def _schedule(self, jobs: Jobs[Job], job_id: str) -> Schedule:
        """Return the stage durations of an earlier fit. Without one, or after an error, the built-in proportions."""
        if jobs is self._client.evaluations:
            return evaluation_schedule(self._client.evaluations.get(job_id))
        if jobs is not self._client.fits:
            return Schedule()
        try:
            fit = self._client.fits.get(job_id)
            earlier: Sequence[Fit] = list(
                self._client.fits.list(status="succeeded", limit=EARLIER_FITS)
            )
        except HandsOffError:
            return Schedule()
        return schedule_from(earlier, fit)

    def _end(self, jobs: Jobs[Job], job_id: str) -> None:
        """Cancel a job and wait for its end with any status. Raises `InvalidInput` when it does not end."""
        if jobs.get(job_id).has_ended:
            return
        jobs.cancel(job_id)
        try:
            jobs.wait(job_id, timeout=CANCEL_TIMEOUT)
        except JobEnded:
            return
        except WaitTimeout:
            raise InvalidInput(
                f"{job_id} was cancelled, but has not ended after {CANCEL_TIMEOUT.seconds} s. Check that a worker runs."
            ) from None

    def _download(self, job_id: str, out: Path) -> None:
        line = Line(sys.stderr)
        try:
            folder = self._client.sharded(job_id).download(
                job_id, out, watch=lambda done, total: line.count("download", done, total)
            )
        except KeyboardInterrupt:
            words = self._command(f"download {job_id} --out {out}")
            raise Interrupted(f"The download stopped. `{words}` continues it.") from None
        finally:
            line.end()
        write_message(f"{folder.num_samples} samples in {len(folder.index.shards)} shards in {out}")

    def _download_shards(self, stream_id: str, indices: range) -> None:
        """Download shards of a stream to files with their numbers. Existing files are kept."""
        out: Path = self._arguments.out
        line, streams = Line(sys.stderr), self._client.streams
        try:
            for done, index in enumerate(indices):
                line.count("stream", done, len(indices))
                streams.fetch(
                    stream_id, streams.shard(stream_id, index), out / f"shard-{index:06d}.tar"
                )
            line.count("stream", len(indices), len(indices))
        finally:
            line.end()
        write_message(f"shards {indices.start} to {indices.stop - 1} in {out}")

    def _inverter(self, which: str | None) -> str | None:
        """Return the digest of an inverter for its id. Other values are returned unchanged."""
        if which is None or not which.startswith("inverter_"):
            return which
        inverter = self._client.inverters.get(which)
        if inverter.digest is None:
            raise InvalidInput(
                f"{which} is {inverter.status}, not ready for a fit. Wait for it: `handsoff wait {which}`."
            )
        return inverter.digest

    def _print_new(self, job: Job) -> None:
        """Print the id of a new job immediately, so that it is known when the wait is interrupted."""
        self._print(job.json, job.id)

    def _list(self, resources: Iterable[R], table: Callable[[Iterable[R]], str]) -> None:
        items = list(resources)
        if self._arguments.json:
            for item in items:
                self._print(item.json, "")
        else:
            self._print(None, table(items))

    def _print(self, answer: object, text: str) -> None:
        """Print a result: the answer as JSON with `--json`, else the text."""
        sys.stdout.write(f"{json.dumps(answer) if self._arguments.json else printable(text)}\n")
        sys.stdout.flush()


def is_labelset(pairs: str) -> bool:
    """Return True for the id of a labelset, unless a file or folder has that name."""
    return pairs.startswith("labelset_") and not Path(pairs).exists()
