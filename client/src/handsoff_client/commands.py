"""The command `handsoff`: a subcommand is a few calls of the client; an error is one line and an exit code."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from handsoff_client import tables
from handsoff_client.arguments import build_parser
from handsoff_client.client import HandsOff
from handsoff_client.errors import JobCancelled, JobFailed, Unreachable
from handsoff_client.exports import ZIP, export
from handsoff_client.folders import BatchFolder
from handsoff_client.jobs import Jobs
from handsoff_client.progress import Line, bar
from handsoff_client.resources import Job, Json
from handsoff_shards.errors import HandsOffError

INTERRUPTED = 130
_EXIT_CODES: tuple[tuple[type[HandsOffError], int], ...] = (
    (JobFailed, 3),
    (JobCancelled, 4),
    (Unreachable, 5),
    (HandsOffError, 1),
)


class Answer(Protocol):
    """Anything that the service answered with."""

    @property
    def json(self) -> Json: ...


A = TypeVar("A", bound=Answer)


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command line; returns its exit code."""
    arguments = build_parser().parse_args(words)
    try:
        with HandsOff(arguments.url) as client:
            Command(client, arguments).run()
    except HandsOffError as error:
        print(f"handsoff: {' '.join(str(error).split())}", file=sys.stderr)
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except OSError as error:
        print(f"handsoff: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


class Command:
    """One command line on one service. Each method is a subcommand."""

    def __init__(self, client: HandsOff, arguments: argparse.Namespace) -> None:
        self._client = client
        self._given = arguments

    def run(self) -> None:
        """Does what was asked."""
        method: Callable[[], None] = getattr(self, self._given.command)
        method()

    def generators(self) -> None:
        self._list(self._client.generators.list(limit=self._given.limit), tables.generators)

    def inverters(self) -> None:
        self._list(self._client.inverters.list(limit=self._given.limit), tables.inverters)

    def labelsets(self) -> None:
        self._list(self._client.labelsets.list(limit=self._given.limit), tables.labelsets)

    def fits(self) -> None:
        self._list(self._client.fits.list(limit=self._given.limit), tables.fits)

    def batches(self) -> None:
        self._list(self._client.batches.list(limit=self._given.limit), tables.batches)

    def streams(self) -> None:
        self._list(self._client.streams.list(limit=self._given.limit), tables.streams)

    def generator(self) -> None:
        given = self._given
        job = self._client.generators.upload(
            given.checkpoint, name=given.name, licence=given.licence
        )
        self._made(job)
        if given.wait:
            self._wait(self._client.generators, job.id)

    def inverter(self) -> None:
        given = self._given
        job = self._client.inverters.create(generator=given.generator, seed=given.seed)
        self._made(job)
        if given.wait:
            self._wait(self._client.inverters, job.id)

    def fit(self) -> None:
        given = self._given
        validation = self._labelset(given.validation) if given.validation else None
        job = self._client.fits.create(
            generator=given.generator,
            labelset=self._labelset(given.pairs),
            validation_labelset=validation,
            seed=given.seed,
            name=given.name,
        )
        self._made(job)
        if given.wait:
            self._wait(self._client.fits, job.id)

    def batch(self) -> None:
        given = self._given
        job = self._client.batches.create(
            fit=given.fit,
            n=given.n,
            seed=given.seed,
            truncation=given.truncation,
            drop_share=given.drop_share,
            image_format=given.format,
            shard_size=given.shard_size,
        )
        self._made(job)
        if given.wait or given.out:
            self._wait(self._client.batches, job.id)
        if given.out:
            self._fetch(job.id, given.out)

    def stream(self) -> None:
        given = self._given
        stream_id = given.what
        if not stream_id.startswith("stream_"):
            made = self._client.streams.create(
                fit=given.what,
                seed=given.seed,
                truncation=given.truncation,
                drop_share=given.drop_share,
                image_format=given.format,
                shard_size=given.shard_size,
            )
            stream_id = made.id
            self._print(made.json, made.id)
        if given.out:
            self._fetch_shards(stream_id, range(given.start, given.start + given.shards))

    def download(self) -> None:
        self._fetch(self._given.batch, self._given.out)

    def export(self) -> None:
        given = self._given
        options = {"instances": given.instances}
        if Path(given.batch).is_dir():
            out = export(BatchFolder.open(given.batch), given.format, given.out, **options)
        elif given.out.suffix == ZIP:
            out = self._client.batches.export(given.batch, given.format, given.out, **options)
        else:
            with tempfile.TemporaryDirectory(prefix="handsoff-") as downloaded:
                self._fetch(given.batch, Path(downloaded))
                out = export(BatchFolder.open(downloaded), given.format, given.out, **options)
        _tell(f"exported as {given.format} to {out}")

    def show(self) -> None:
        what = self._given.what
        if Path(what).is_dir():
            folder = BatchFolder.open(what)
            self._print(folder.index.batch, tables.folder(folder))
        elif what.startswith("labelset_"):
            labelset = self._client.labelsets.get(what)
            self._print(labelset.json, tables.labelset(labelset))
        elif what.startswith("stream_"):
            stream = self._client.streams.get(what)
            self._print(stream.json, tables.stream(stream))
        else:
            job = self._jobs(what).get(what)
            self._print(job.json, tables.job(job))

    def wait(self) -> None:
        self._wait(self._jobs(self._given.job), self._given.job)

    def cancel(self) -> None:
        job = self._jobs(self._given.job).cancel(self._given.job)
        self._print(job.json, f"{job.id} is {job.status}")

    def _labelset(self, pairs: str) -> str:
        """The id of a labelset: the one that is named, or the one that an upload makes."""
        if pairs.startswith("labelset_") and not Path(pairs).exists():
            return pairs
        given = self._given
        schema = {"classes": given.classes} if given.classes else None
        labelset = self._client.labelsets.upload(pairs, schema=schema, annotations=given.coco)
        _tell(f"uploaded {labelset.num_images} images as {labelset.id}")
        return labelset.id

    def _jobs(self, job_id: str) -> Jobs[Job]:
        """The room of a job, by its id; a built-in generator has a name without a prefix."""
        rooms: dict[str, Jobs[Job]] = {
            "inverter": self._client.inverters,
            "fit": self._client.fits,
            "batch": self._client.batches,
        }
        return rooms.get(job_id.partition("_")[0], self._client.generators)

    def _wait(self, jobs: Jobs[Job], job_id: str) -> None:
        with bar() as watch:
            job = jobs.wait(job_id, watch=watch)
        _tell(tables.job(job))

    def _fetch(self, batch_id: str, out: Path) -> None:
        line = Line(sys.stderr)
        try:
            folder = self._client.batches.download(
                batch_id, out, watch=lambda done, total: line.count("download", done, total)
            )
        finally:
            line.end()
        _tell(f"{folder.num_samples} samples in {len(folder.index.shards)} shards in {out}")

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
        _tell(f"shards {indices.start} to {indices.stop - 1} in {out}")

    def _made(self, job: Job) -> None:
        """The new job's id, at once: whatever happens while it is waited for, it is known."""
        self._print(job.json, job.id)

    def _list(self, found: Iterable[A], shown: Callable[[Iterable[A]], str]) -> None:
        items = list(found)
        if self._given.json:
            for item in items:
                print(json.dumps(item.json))
        else:
            print(shown(items))

    def _print(self, whole: object, text: str) -> None:
        print(json.dumps(whole) if self._given.json else text)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
