"""The subcommand `handsoff labelset`: convert the export of an annotation tool, then upload, write or describe it."""

import shutil
import tempfile
from pathlib import Path

from handsoff_client.cli.runner import Runner
from handsoff_client.cli.tables import labelset, table
from handsoff_client.cli.terminal import write_message
from handsoff_client.converters.conversion import Choices, Conversion
from handsoff_client.converters.converting import convert
from handsoff_client.converters.files import opened
from handsoff_client.converters.folders import Written, write
from handsoff_client.converters.summary import class_rows, facts, headline
from handsoff_shards.errors import InvalidInput

MAX_FLAWS = 20


class LabelsetCommands(Runner):
    """Each public method is a subcommand."""

    def labelset(self) -> None:
        arguments = self._arguments
        out: Path | None = arguments.out
        if out is not None and out.exists() and any(out.iterdir()):
            raise InvalidInput(f"'{out}' is not empty. Give a new folder.")
        if arguments.dry_run:
            with opened(arguments.export) as path:
                self._describe(*self._convert(path, None))
            return
        with (
            opened(arguments.export) as path,
            tempfile.TemporaryDirectory(prefix="handsoff-") as folder,
        ):
            conversion, written = self._convert(path, Path(folder))
            self._tell(conversion, written)
            if out is None:
                self._upload(Path(folder))
            else:
                shutil.copytree(folder, out, dirs_exist_ok=True)
                self._print({"folder": str(out)} | facts(conversion, written), str(out))

    def _convert(self, path: Path, folder: Path | None) -> tuple[Conversion, Written]:
        """Convert an export. Each flaw is a line. Raises `InvalidInput` if there is one, or no image."""
        arguments = self._arguments
        conversion = convert(arguments.source, path, self._choices())
        written = write(conversion, arguments.name or arguments.export.resolve().stem, folder)
        for flaw in written.flaws[:MAX_FLAWS]:
            write_message(" ".join(str(flaw).split()))
        if written.flaws:
            number = "1 image" if len(written.flaws) == 1 else f"{len(written.flaws)} images"
            raise InvalidInput(
                f"{number} of '{arguments.export}' cannot be converted. Nothing was uploaded."
            )
        if not written.num_images:
            notes = "; ".join(conversion.notes.lines) or "no annotations"
            raise InvalidInput(
                f"'{arguments.export}' has no labelled image ({notes}). Nothing was uploaded."
            )
        return conversion, written

    def _choices(self) -> Choices:
        given = vars(self._arguments)
        return Choices(
            **{name: given[name] for name in Choices.__dataclass_fields__ if name in given}
        )

    def _describe(self, conversion: Conversion, written: Written) -> None:
        lines = [f"would upload {headline(conversion, written)}"]
        rows = [
            (name, images, f"{share:.2%}")
            for name, images, share in class_rows(conversion, written)
        ]
        if rows:
            lines.append(table(("CLASS", "IMAGES", "PIXELS"), rows))
        if conversion.keypoints:
            lines.append(f"keypoints: {', '.join(conversion.keypoints.names)}")
        lines += [f"note: {note}" for note in conversion.notes.lines]
        self._print(facts(conversion, written), "\n".join(lines))

    def _tell(self, conversion: Conversion, written: Written) -> None:
        write_message(headline(conversion, written))
        for note in conversion.notes.lines:
            write_message(f"note: {note}")

    def _upload(self, folder: Path) -> None:
        self._client.check_contact(write_message)
        created = self._client.labelsets.upload(folder)
        self._warn(created)
        self._print(created.json, labelset(created))
