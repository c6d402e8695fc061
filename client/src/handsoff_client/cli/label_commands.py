"""The subcommand `handsoff label`: upload real images, wait, download images and labels, and report."""

import csv
import io
from pathlib import Path

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.labelings import LabelingReport
from handsoff_client.cli.generator_commands import GeneratorCommands
from handsoff_client.cli.tables import table
from handsoff_client.cli.terminal import write_message
from handsoff_client.data.originals import write_originals
from handsoff_client.http.downloads import write_atomically
from handsoff_client.uploads.images import image_files
from handsoff_client.uploads.packing import visible_files

REPORT = "report.csv"
MAX_SHOWN = 10
COLUMNS = ("name", "index", "uncertainty", "expressibility", "is_expressible", "psnr_db", "problem")


class LabelCommands(GeneratorCommands):
    """Each public method is a subcommand."""

    def label(self) -> None:
        arguments = self._arguments
        self._name_other_files(arguments.folder)
        job = self._client.labelings.create(
            arguments.folder,
            fit=arguments.fit,
            name=arguments.name or arguments.folder.resolve().name,
            aspect=arguments.aspect,
            image_format=arguments.format,
            shard_size=arguments.shard_size,
            condition=arguments.condition,
            soft_labels=arguments.soft_labels,
            ignore_above=arguments.ignore_above,
        )
        self._print_new(job)
        out: Path | None = arguments.out
        if arguments.wait or out:
            after = f"wait {job.id} && handsoff download {job.id} --out {out}"
            self._wait(self._client.labelings, job.id, after if out else None)
        if out:
            self._download(job.id, out)
            report = self._client.labelings.report(job.id)
            write_atomically(out / REPORT, table_of(report).encode())
            if arguments.originals:
                number = write_originals(BatchFolder.open(out), out / "originals")
                write_message(f"labels of {number} originals in {out / 'originals'}")
            write_message(summary(report))

    def _name_other_files(self, path: Path) -> None:
        """Write a message about files that are not sent, so that photographs of another format are not overlooked."""
        if not path.is_dir():
            return
        images = set(image_files(path).values())
        others = [each for each in visible_files(path) if each not in images]
        if images and others:
            write_message(
                f"{len(others)} files in '{path}' are not PNG, JPEG or WebP and are left out, such as {others[0].name}"
            )


def summary(report: LabelingReport) -> str:
    """Return the most uncertain images, and those that were not labelled."""
    rows = [
        (f"{one.score:.3f}", f"{one.expressibility:.2f}", one.name)
        for one in report.images[:MAX_SHOWN]
    ]
    lines = [
        f"the most uncertain of {len(report.images)} images: check their labels first",
        table(("UNCERTAINTY", "EXPRESSIBILITY", "IMAGE"), rows),
        *(f"not labelled: {one.name}: {one.reason}" for one in report.unreadable[:MAX_SHOWN]),
    ]
    if len(report.unreadable) > MAX_SHOWN:
        lines.append(f"{len(report.unreadable)} images are not labelled; {REPORT} has all reasons")
    return "\n".join(lines)


def table_of(report: LabelingReport) -> str:
    """Return all images as CSV: the most uncertain one first, then those that could not be read."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for image in report.images:
        verdict = "yes" if image.is_expressible else "no"
        numbers = (image.score, image.expressibility, verdict, image.psnr_db)
        writer.writerow((image.name, image.index, *numbers, ""))
    for one in report.unreadable:
        writer.writerow((one.name, one.index, "", "", "", "", one.reason))
    return text.getvalue()
