"""What the subcommands of `handsoff` share: printing, uploading, waiting with progress, fetching into a folder."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from handsoff_client.cli import tables
from handsoff_client.cli.progress import Line, bar
from handsoff_client.cli.stages import Outlook, outlook_from
from handsoff_client.cli.terminal import printable, tell
from handsoff_client.client import HandsOff
from handsoff_client.errors import JobEnded, WaitTimeout
from handsoff_client.nouns.jobs import Jobs
from handsoff_client.nouns.labelset_resources import CheckedLabels
from handsoff_client.nouns.resources import Fit, Job, Json
from handsoff_shards.errors import HandsOffError, InvalidInput

EARLIER_FITS = 10
"""How many succeeded fits are looked at for one of the same generator and options, to estimate the time left."""

END_TIME = timedelta(seconds=60)
"""How long `rm --force` waits for a cancelled job: a worker looks for a cancel once a second."""


class Interrupted(KeyboardInterrupt):
    """Ctrl+C, with what goes on and how to return to it."""


class Answer(Protocol):
    """Anything that the service answered with."""

    @property
    def json(self) -> Json: ...


A = TypeVar("A", bound=Answer)


class Runner:
    """One command line on one service."""

    def __init__(self, client: HandsOff, arguments: argparse.Namespace) -> None:
        self._client = client
        self._given = arguments

    def _jobs(self, job_id: str) -> Jobs[Job]:
        """The room of a job, by its id; a built-in generator has a name without a prefix."""
        rooms: dict[str, Jobs[Job]] = {
            "inverter": self._client.inverters,
            "fit": self._client.fits,
            "batch": self._client.batches,
        }
        return rooms.get(job_id.partition("_")[0], self._client.generators)

    def _labelset(self, pairs: str) -> str:
        """The id of a labelset: the one that is named, or the one that an upload makes."""
        if is_labelset(pairs):
            return pairs
        given = self._given
        schema = {"classes": given.classes} if given.classes else None
        labelset = self._client.labelsets.upload(pairs, schema=schema, annotations=given.coco)
        tell(f"uploaded {labelset.num_images} images as {labelset.id}")
        self._warn(labelset)
        return labelset.id

    def _warn(self, labels: CheckedLabels) -> None:
        for warning in labels.warnings:
            tell(f"warning: {' '.join(str(warning).split())}")

    def _wait(self, jobs: Jobs[Job], job_id: str, returning: str | None = None) -> None:
        """Waits with progress. `returning` is the command that goes on after Ctrl+C, else `handsoff wait`."""
        with (
            self._interruptible(job_id, returning or f"wait {job_id}"),
            bar(outlook=self._outlook(jobs, job_id)) as watch,
        ):
            job = jobs.wait(job_id, watch=watch)
        tell(tables.job(job))

    @contextmanager
    def _interruptible(self, job_id: str, returning: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(
                f"{job_id} goes on at the service. `{self._command(returning)}` returns to it,"
                f" `{self._command(f'cancel {job_id}')}` stops it."
            ) from None

    def _command(self, words: str) -> str:
        """A command line for this service, to be copied."""
        return (
            f"handsoff --url {self._client.url} {words}" if self._given.url else f"handsoff {words}"
        )

    def _outlook(self, jobs: Jobs[Job], job_id: str) -> Outlook:
        """How long the stages of an earlier fit took. Without one, or without an answer, the built-in proportions."""
        if jobs is not self._client.fits:
            return Outlook()
        try:
            fit = self._client.fits.get(job_id)
            earlier: Sequence[Fit] = list(
                self._client.fits.list(status="succeeded", limit=EARLIER_FITS)
            )
        except HandsOffError:
            return Outlook()
        return outlook_from(earlier, fit)

    def _end(self, jobs: Jobs[Job], job_id: str) -> None:
        """Cancels a job and waits until it has ended, one way or another. Raises `InvalidInput` when it does not."""
        if jobs.get(job_id).has_ended:
            return
        jobs.cancel(job_id)
        try:
            jobs.wait(job_id, timeout=END_TIME)
        except JobEnded:
            return
        except WaitTimeout:
            raise InvalidInput(
                f"{job_id} was cancelled, but has not ended in {END_TIME.seconds} s. Is a worker running?"
            ) from None

    def _fetch(self, batch_id: str, out: Path) -> None:
        line = Line(sys.stderr)
        try:
            folder = self._client.batches.download(
                batch_id, out, watch=lambda done, total: line.count("download", done, total)
            )
        except KeyboardInterrupt:
            words = self._command(f"download {batch_id} --out {out}")
            raise Interrupted(f"The download stopped. `{words}` continues it.") from None
        finally:
            line.end()
        tell(f"{folder.num_samples} samples in {len(folder.index.shards)} shards in {out}")

    def _fetch_shards(self, stream_id: str, indices: range) -> None:
        """Shards of a stream, each under its number; one that is there is not fetched again."""
        out: Path = self._given.out
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
        tell(f"shards {indices.start} to {indices.stop - 1} in {out}")

    def _inverter(self, which: str | None) -> str | None:
        """The digest of an inverter that is named by its id; other words as they are."""
        if which is None or not which.startswith("inverter_"):
            return which
        inverter = self._client.inverters.get(which)
        if inverter.digest is None:
            raise InvalidInput(
                f"{which} is {inverter.status}, not ready for a fit. `handsoff wait {which}` waits."
            )
        return inverter.digest

    def _made(self, job: Job) -> None:
        """The new job's id, at once: it is known also when the wait for it is interrupted."""
        self._print(job.json, job.id)

    def _list(self, found: Iterable[A], shown: Callable[[Iterable[A]], str]) -> None:
        items = list(found)
        if self._given.json:
            for item in items:
                self._print(item.json, "")
        else:
            self._print(None, shown(items))

    def _print(self, whole: object, text: str) -> None:
        """A result: JSON where it was asked for, else text."""
        sys.stdout.write(f"{json.dumps(whole) if self._given.json else printable(text)}\n")
        sys.stdout.flush()


def is_labelset(pairs: str) -> bool:
    """Return True for an id, unless a file or folder has that name."""
    return pairs.startswith("labelset_") and not Path(pairs).exists()
