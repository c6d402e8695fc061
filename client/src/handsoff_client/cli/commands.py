"""The command `handsoff`: a subcommand is a few calls of the client; an error is one line and an exit code."""

import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from handsoff_client.cli import tables
from handsoff_client.cli.arguments import build_parser
from handsoff_client.cli.runner import Runner, is_labelset
from handsoff_client.cli.terminal import tell
from handsoff_client.client import HandsOff
from handsoff_client.data.exports import ZIP, export
from handsoff_client.data.folders import BatchFolder
from handsoff_client.data.previews import contact_sheet_png
from handsoff_client.errors import JobCancelled, JobFailed, Unreachable
from handsoff_client.http.downloads import write_whole
from handsoff_client.http.service_errors import Flaw, InvalidUpload, JobNotFinished, ServiceError
from handsoff_client.nouns.fitting import check_images, merged
from handsoff_client.nouns.inspection import aspect_flaws, inspect
from handsoff_client.nouns.resources import Batch
from handsoff_client.nouns.uploads import EXPECTED
from handsoff_shards.errors import HandsOffError, InvalidInput
from handsoff_shards.members import Files
from handsoff_shards.reading import samples_of

INTERRUPTED = 130
_EXIT_CODES: tuple[tuple[type[HandsOffError], int], ...] = (
    (JobFailed, 3),
    (JobCancelled, 4),
    (Unreachable, 5),
    (HandsOffError, 1),
)


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command line; returns its exit code."""
    arguments = build_parser().parse_args(words)
    try:
        with HandsOff(arguments.url) as client:
            Command(client, arguments).run()
    except HandsOffError as error:
        tell(f"handsoff: {' '.join(str(error).split())}")
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except OSError as error:
        tell(f"handsoff: {error}")
        return 1
    except KeyboardInterrupt as stopped:
        tell(f"handsoff: {str(stopped) or 'interrupted'}")
        return INTERRUPTED
    return 0


class Command(Runner):
    """One command line on one service. Each public method is a subcommand."""

    def run(self) -> None:
        """Does what was asked, once the service has answered, where one is needed."""
        if not self._works_here():
            self._client.check_contact(tell)
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
            given.checkpoint, name=given.name, license=given.license
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

    def check(self) -> None:
        given = self._given
        path = Path(given.pairs)
        if not path.exists():
            raise InvalidInput(f"There is no '{path}'. Name {EXPECTED}.")
        found = inspect(path, annotations=given.coco)
        if given.generator:
            self._client.check_contact(tell)
            generator = self._client.generators.find(given.generator)
            found.flaws.extend(aspect_flaws(found, generator))
        self._refuse(found.flaws, path)
        if given.local:
            self._print(found.counts, tables.counts(found.counts))
            return
        self._client.check_contact(tell)
        schema = {"classes": given.classes} if given.classes else None
        try:
            checked = self._client.labelsets.check(path, schema=schema, annotations=given.coco)
        except InvalidUpload as error:
            self._refuse(error.flaws, path)
            raise
        self._warn(checked)
        self._print(checked.json, tables.checked(checked))

    def fit(self) -> None:
        given = self._given
        options = merged(given.option, framing=given.framing, tasks=given.tasks)
        generator = self._client.generators.find_ready(given.generator)
        for pairs in filter(None, (given.pairs, given.validation)):
            if not is_labelset(pairs):
                check_images(generator, Path(pairs), given.coco)
        labelset = self._labelset(given.pairs)
        job = self._client.fits.create(
            generator=generator.id,
            labelset=labelset,
            validation_labelset=self._labelset(given.validation) if given.validation else None,
            inverter=self._inverter(given.inverter),
            seed=given.seed,
            name=given.name,
            options=options,
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
            after = f"wait {job.id} && handsoff download {job.id} --out {given.out}"
            self._wait(self._client.batches, job.id, after if given.out else None)
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
        tell(f"exported as {given.format} to {out}")

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

    def preview(self) -> None:
        what, out = self._given.what, self._given.out
        out = out or Path(f"{Path(what).resolve().name or 'preview'}.png")
        if Path(what).is_dir():
            folder = BatchFolder.open(what)
            samples = [
                (one.key, one.files) for one in islice(samples_of(folder.shards), self._given.n)
            ]
            self._draw(samples, folder.batch, out)
        elif what.startswith("fit_"):
            self._client.fits.fetch_sheet(what, out)
        elif what.startswith("batch_"):
            batch = self._client.batches.get(what)
            self._draw(self._client.batches.first_samples(what, self._given.n), batch, out)
        else:
            raise InvalidInput(
                f"Expected the id of a batch or a fit, or a downloaded batch, got '{what}'."
            )
        self._print({"file": str(out)}, str(out))

    def rm(self) -> None:
        ids = self._given.ids
        num_failed = 0
        for thing_id in ids:
            try:
                self._remove(thing_id)
            except (ServiceError, InvalidInput) as error:
                if len(ids) == 1:
                    raise
                tell(f"{thing_id}: {error}")
                num_failed += 1
        if num_failed:
            raise InvalidInput(f"{num_failed} of {len(ids)} were not deleted.")

    def cancel(self) -> None:
        job = self._jobs(self._given.job).cancel(self._given.job)
        self._print(job.json, f"{job.id} is {job.status}")

    def _works_here(self) -> bool:
        """Whether the subcommand needs no service, or asks for it later itself."""
        command: str = self._given.command
        argument = {"show": "what", "preview": "what", "export": "batch"}.get(command)
        if argument is not None:
            return Path(getattr(self._given, argument)).is_dir()
        return command == "check"

    def _refuse(self, flaws: Sequence[Flaw], path: Path) -> None:
        """Shows every flaw in a line of its own."""
        for flaw in flaws:
            tell(" ".join(str(flaw).split()))
        if flaws:
            count = "1 flaw" if len(flaws) == 1 else f"{len(flaws)} flaws"
            raise InvalidInput(f"{count} in '{path}'. Nothing was kept.")

    def _draw(self, samples: Sequence[tuple[str, Files]], batch: Batch, out: Path) -> None:
        title = f"{batch.id}   {batch.n} samples, seed {batch.seed}; the first {len(samples)}"
        write_whole(out, contact_sheet_png(samples, batch.labels, title))

    def _remove(self, thing_id: str) -> None:
        """Deletes one thing, by the noun in its id."""
        if thing_id.startswith("labelset_"):
            self._client.labelsets.delete(thing_id)
        elif thing_id.startswith("stream_"):
            self._client.streams.delete(thing_id)
        else:
            self._remove_job(thing_id)
        self._print({"deleted": thing_id}, f"deleted {thing_id}")

    def _remove_job(self, job_id: str) -> None:
        jobs = self._jobs(job_id)
        if self._given.force:
            self._end(jobs, job_id)
        try:
            jobs.delete(job_id)
        except JobNotFinished:
            raise InvalidInput(
                f"{job_id} has not ended. `{self._command(f'rm --force {job_id}')}` cancels it first."
            ) from None
