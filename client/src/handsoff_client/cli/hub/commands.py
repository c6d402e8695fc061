"""The subcommand `handsoff push`: a batch to a dataset repository of the Hugging Face Hub."""

import sys
import tempfile
from pathlib import Path

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.cli.argument_types import Commands, add
from handsoff_client.cli.progress import Line
from handsoff_client.cli.runner import Interrupted, Runner
from handsoff_client.cli.terminal import write_message
from handsoff_client.data.hub import push


def add_push(commands: Commands) -> None:
    """Add `handsoff push`."""
    text = "push a batch to a dataset repository of the Hugging Face Hub; it can be repeated"
    command = add(commands, "push", text)
    command.add_argument(
        "batch", metavar="BATCH|DIR", help="id of a batch, or better a downloaded one"
    )
    command.add_argument(
        "repository", metavar="OWNER/NAME", help="repository; it is created if it does not exist"
    )
    command.add_argument(
        "--public", action="store_true", help="make a new repository public (default: private)"
    )


class HubCommands(Runner):
    """Each public method is a subcommand."""

    def push(self) -> None:
        batch = self._arguments.batch
        if Path(batch).is_dir():
            self._push(BatchFolder.open(batch))
            return
        with tempfile.TemporaryDirectory(prefix="handsoff-") as downloaded:
            self._download(batch, Path(downloaded))
            self._push(BatchFolder.open(downloaded))

    def _push(self, folder: BatchFolder) -> None:
        arguments, line = self._arguments, Line(sys.stderr)
        try:
            pushed = push(
                folder,
                arguments.repository,
                private=not arguments.public,
                watch=lambda done, total: line.count("push", done, total),
            )
        except KeyboardInterrupt:
            words = self._command(f"push {arguments.batch} {arguments.repository}")
            raise Interrupted(f"The push stopped. `{words}` continues it.") from None
        finally:
            line.end()
        write_message(f"{pushed.num_sent} files sent, {pushed.num_kept} were there already")
        facts = {"url": pushed.url, "sent": pushed.num_sent, "kept": pushed.num_kept}
        self._print(facts, pushed.url)
