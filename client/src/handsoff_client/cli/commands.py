"""The command `handsoff`: a subcommand is a few calls of the client, an error is one line and an exit code."""

import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.resources import Batch, Labeling
from handsoff_client.cli import tables
from handsoff_client.cli.account.usage import UsageCommands
from handsoff_client.cli.account.webhooks import WebhookCommands
from handsoff_client.cli.arguments import LISTS, build_parser
from handsoff_client.cli.batches.commands import BatchCommands
from handsoff_client.cli.evaluation_commands import EvaluationCommands
from handsoff_client.cli.hub.commands import HubCommands
from handsoff_client.cli.label_commands import LabelCommands
from handsoff_client.cli.labelsets.commands import LabelsetCommands
from handsoff_client.cli.options import check_option_names, merged
from handsoff_client.cli.runner import is_labelset
from handsoff_client.cli.terminal import write_message
from handsoff_client.client import HandsOff
from handsoff_client.data.exports import ZIP, export
from handsoff_client.data.previews import contact_sheet_png
from handsoff_client.errors import JobCancelled, JobFailed, Unreachable
from handsoff_client.http.downloads import write_atomically
from handsoff_client.http.service_errors import Flaw, InvalidUpload, JobNotFinished, ServiceError
from handsoff_client.uploads.inspection import aspect_flaws, check_images, inspect
from handsoff_client.uploads.packing import EXPECTED
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
    """Run one command line and return its exit code."""
    arguments = build_parser().parse_args(words)
    try:
        with HandsOff(arguments.url, api_key=arguments.api_key) as client:
            Command(client, arguments).run()
    except HandsOffError as error:
        write_message(f"handsoff: {' '.join(str(error).split())}")
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except OSError as error:
        write_message(f"handsoff: {error}")
        return 1
    except KeyboardInterrupt as interrupt:
        write_message(f"handsoff: {str(interrupt) or 'interrupted'}")
        return INTERRUPTED
    return 0


class Command(  # one mixin for each group of subcommands
    BatchCommands,
    LabelCommands,
    EvaluationCommands,
    LabelsetCommands,
    HubCommands,
    UsageCommands,
    WebhookCommands,
):
    """One command line on one service. Each public method is a subcommand, except for lists."""

    def run(self) -> None:
        """Run the subcommand. If it needs a service, check first that it answers."""
        if not self._is_local():
            self._client.check_contact(write_message)
        name: str = self._arguments.command
        if name in LISTS:
            resources = getattr(self._client, name).list(limit=self._arguments.limit)
            self._list(resources, getattr(tables, name))
            return
        method: Callable[[], None] = getattr(self, name)
        method()

    def check(self) -> None:
        arguments = self._arguments
        path = Path(arguments.pairs)
        if not path.exists():
            raise InvalidInput(f"'{path}' does not exist. Give {EXPECTED}.")
        result = inspect(path, annotations=arguments.coco)
        if arguments.generator:
            self._client.check_contact(write_message)
            generator = self._client.generators.find(arguments.generator)
            result.flaws.extend(aspect_flaws(result, generator))
        self._refuse(result.flaws, path)
        if arguments.local:
            self._print(result.counts, tables.counts(result.counts))
            return
        self._client.check_contact(write_message)
        schema = {"classes": arguments.classes} if arguments.classes else None
        try:
            checked = self._client.labelsets.check(path, schema=schema, annotations=arguments.coco)
        except InvalidUpload as error:
            self._refuse(error.flaws, path)
            raise
        self._warn(checked)
        self._print(checked.json, tables.checked(checked))

    def fit(self) -> None:
        arguments = self._arguments
        options = merged(arguments.option, framing=arguments.framing, tasks=arguments.tasks)
        generator = self._client.generators.find_ready(arguments.generator)
        pairs = filter(None, (arguments.pairs, arguments.validation))
        uploads = [Path(one) for one in pairs if not is_labelset(one)]
        if uploads and options:
            check_option_names(self._client.transport, options)
        for path in uploads:
            check_images(generator, path, arguments.coco)
        labelset = self._labelset(arguments.pairs)
        validation = self._labelset(arguments.validation) if arguments.validation else None
        job = self._client.fits.create(
            generator=generator.id,
            labelset=labelset,
            validation_labelset=validation,
            inverter=self._inverter(arguments.inverter),
            seed=arguments.seed,
            name=arguments.name,
            options=options,
        )
        self._print_new(job)
        if arguments.wait:
            self._wait(self._client.fits, job.id)

    def stream(self) -> None:
        arguments = self._arguments
        stream_id = arguments.what
        if not stream_id.startswith("stream_"):
            stream = self._client.streams.create(
                fit=arguments.what,
                seed=arguments.seed,
                truncation=arguments.truncation,
                drop_share=arguments.drop_share,
                image_format=arguments.format,
                shard_size=arguments.shard_size,
                condition=arguments.condition,
                soft_labels=arguments.soft_labels,
                ignore_above=arguments.ignore_above,
                targets=arguments.target,
            )
            stream_id = stream.id
            self._print(stream.json, stream.id)
        if arguments.out:
            self._download_shards(
                stream_id, range(arguments.start, arguments.start + arguments.shards)
            )

    def download(self) -> None:
        self._download(self._arguments.batch, self._arguments.out)

    def export(self) -> None:
        arguments = self._arguments
        options = {"instances": arguments.instances}
        if Path(arguments.batch).is_dir():
            out = export(
                BatchFolder.open(arguments.batch), arguments.format, arguments.out, **options
            )
        elif arguments.out.suffix == ZIP:
            out = self._client.sharded(arguments.batch).export(
                arguments.batch, arguments.format, arguments.out, **options
            )
        else:
            with tempfile.TemporaryDirectory(prefix="handsoff-") as downloaded:
                self._download(arguments.batch, Path(downloaded))
                out = export(
                    BatchFolder.open(downloaded), arguments.format, arguments.out, **options
                )
        write_message(f"exported as {arguments.format} to {out}")

    def show(self) -> None:
        what = self._arguments.what
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
        self._wait(self._jobs(self._arguments.job), self._arguments.job)

    def preview(self) -> None:
        what, out = self._arguments.what, self._arguments.out
        out = out or Path(f"{Path(what).resolve().name or 'preview'}.png")
        if Path(what).is_dir():
            folder = BatchFolder.open(what)
            samples = [
                (one.key, one.files) for one in islice(samples_of(folder.shards), self._arguments.n)
            ]
            self._draw(samples, folder.job, out)
        elif what.startswith("fit_"):
            self._client.fits.fetch_sheet(what, out)
        elif what.startswith("generator_"):
            self._client.generators.fetch_sheet(what, out)
        elif what.startswith(("batch_", "labeling_")):
            jobs = self._client.sharded(what)
            self._draw(jobs.first_samples(what, self._arguments.n), jobs.get(what), out)
        else:
            raise InvalidInput(
                f"Expected the id of a batch, labeling, fit or generator, or a downloaded batch, got '{what}'."
            )
        self._print({"file": str(out)}, str(out))

    def rm(self) -> None:
        ids = self._arguments.ids
        num_failed = 0
        for resource_id in ids:
            try:
                self._remove(resource_id)
            except (ServiceError, InvalidInput) as error:
                if len(ids) == 1:
                    raise
                write_message(f"{resource_id}: {error}")
                num_failed += 1
        if num_failed:
            raise InvalidInput(f"{num_failed} of {len(ids)} resources were not deleted.")

    def cancel(self) -> None:
        job = self._jobs(self._arguments.job).cancel(self._arguments.job)
        self._print(job.json, f"{job.id} is {job.status}")

    def _is_local(self) -> bool:
        """Return True when the subcommand needs no service, or contacts it later itself."""
        command: str = self._arguments.command
        argument = {"show": "what", "preview": "what", "export": "batch", "push": "batch"}.get(
            command
        )
        if argument is not None:
            return Path(getattr(self._arguments, argument)).is_dir()
        return command in ("check", "labelset")

    def _refuse(self, flaws: Sequence[Flaw], path: Path) -> None:
        """Write each flaw on its own line. Raises `InvalidInput` if there is one."""
        for flaw in flaws:
            write_message(" ".join(str(flaw).split()))
        if flaws:
            count = "1 flaw" if len(flaws) == 1 else f"{len(flaws)} flaws"
            raise InvalidInput(f"{count} in '{path}'. Nothing was stored.")

    def _draw(self, samples: Sequence[tuple[str, Files]], job: Batch | Labeling, out: Path) -> None:
        facts = f"{job.n} samples, seed {job.seed}; " if isinstance(job, Batch) else ""
        title = f"{job.id}   {facts}first {len(samples)}"
        write_atomically(out, contact_sheet_png(samples, job.labels, title))

    def _remove(self, resource_id: str) -> None:
        """Delete one resource. The prefix of its id says its kind."""
        if resource_id.startswith("labelset_"):
            self._client.labelsets.delete(resource_id)
        elif resource_id.startswith("stream_"):
            self._client.streams.delete(resource_id)
        else:
            self._remove_job(resource_id)
        self._print({"deleted": resource_id}, f"deleted {resource_id}")

    def _remove_job(self, job_id: str) -> None:
        jobs = self._jobs(job_id)
        if self._arguments.force:
            self._end(jobs, job_id)
        try:
            jobs.delete(job_id)
        except JobNotFinished:
            raise InvalidInput(
                f"{job_id} has not ended. `{self._command(f'rm --force {job_id}')}` cancels and deletes it."
            ) from None
