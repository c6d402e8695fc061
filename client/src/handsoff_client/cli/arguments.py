"""The command line of `handsoff`: its subcommands, their arguments and the help."""

import argparse
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from handsoff_client.cli.account.usage import add_usage
from handsoff_client.cli.account.webhooks import add_webhooks
from handsoff_client.cli.argument_types import FOLDER_HELP, Commands, add, add_labels, count
from handsoff_client.cli.evaluation_commands import add_evaluate
from handsoff_client.cli.hub.commands import add_push
from handsoff_client.cli.job_arguments import (
    add_batch,
    add_deliver,
    add_fit,
    add_generator,
    add_inverter,
    add_label,
    add_stream,
    add_train,
)
from handsoff_client.cli.labelsets.arguments import add_labelset
from handsoff_client.client import DEFAULT_URL, URL_VARIABLE
from handsoff_client.http.api_keys import KEY_VARIABLE
from handsoff_shards.formats import FORMATS

LISTS = (
    "generators",
    "inverters",
    "labelsets",
    "fits",
    "batches",
    "labelings",
    "streams",
    "evaluations",
)
"""The subcommands that list the resources of a kind."""

DESCRIPTION = """\
A handful of labelled images in, an endless supply of labelled images out.

  handsoff generators                                  list the generators
  handsoff train ./images --px 64 --hours 2 --wait     train a generator from unlabelled images
  handsoff check ./pairs                               check labelled images without storing them
  handsoff labelset from-cvat task.zip                 upload labels of CVAT, Label Studio, VOC, YOLO or Roboflow
  handsoff fit ./pairs --generator portraits-64 --wait upload labelled images, fit a label generator
  handsoff preview FIT                                 write a picture of the fit's results
  handsoff batch FIT -n 1000 --out ./data              generate and download 1000 labelled images
  handsoff label FIT ./photos --out ./labels           label your own real images
  handsoff stream FIT                                  create an endless stream, rendered on demand
  handsoff evaluate FIT --heldout ./test --out r.html  measure whether the generated images train better networks
  handsoff show BATCH                                  show the state of a job or a downloaded batch
"""

EPILOG = f"""\
Results (ids, tables, paths) are printed to standard output, progress and messages to standard error. The address of the
service is --url, else {URL_VARIABLE}, else {DEFAULT_URL}.

exit codes:
  0  success
  1  the service refused the request, or a local file is invalid: one line says what to do
  2  the command line is invalid
  3  the job failed
  4  the job was cancelled
  5  the service does not answer
  130  interrupted: jobs continue on the service, and a repeated download continues where it stopped
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the complete command line."""
    parser = argparse.ArgumentParser(
        prog="handsoff",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"handsoff {_version()}")
    parser.add_argument(
        "--url", help=f"address of the service (default: {URL_VARIABLE}, or {DEFAULT_URL})"
    )
    parser.add_argument(
        "--api-key",
        metavar="KEY",
        help=f"API key of the service (default: {KEY_VARIABLE}, which other users of this machine cannot see)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print complete answers, one line of JSON each"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_lists(commands)
    add_generator(commands)
    add_train(commands)
    add_inverter(commands)
    _add_check(commands)
    add_labelset(commands)
    add_fit(commands)
    add_batch(commands)
    add_deliver(commands)
    add_label(commands)
    add_stream(commands)
    add_evaluate(commands)
    _add_download(commands)
    _add_export(commands)
    add_push(commands)
    _add_preview(commands)
    _add_single(commands)
    add_usage(commands)
    add_webhooks(commands)
    return parser


def _version() -> str:
    try:
        return version("handsoff-client")
    except PackageNotFoundError:
        return "(not installed)"


def _add_lists(commands: Commands) -> None:
    for name in LISTS:
        command = add(commands, name, f"list the {name}")
        command.add_argument("--limit", type=count, default=20, help="maximum number (default: 20)")


def _add_download(commands: Commands) -> None:
    command = add(commands, "download", "download a batch or a labeling; existing shards are kept")
    command.add_argument("batch", metavar="JOB", help="id of a succeeded batch or labeling")
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="target folder")


def _add_export(commands: Commands) -> None:
    command = add(commands, "export", "export a batch or a labeling in the format of another tool")
    command.add_argument(
        "batch", metavar="JOB|DIR", help="id of a batch or a labeling, or a downloaded one"
    )
    command.add_argument("--format", choices=sorted(FORMATS), required=True, help="export format")
    command.add_argument(
        "--instances",
        action="store_true",
        help="coco: one object for each connected region, not for each class of an image",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR|FILE.zip",
        required=True,
        help="new folder, written locally; or new zip file, written by the service",
    )


def _add_single(commands: Commands) -> None:
    show = add(commands, "show", "show the state of a resource, or a downloaded batch")
    show.add_argument("what", metavar="ID|DIR", help="id of a resource, or a downloaded batch")
    wait = add(commands, "wait", "wait for a job and show its progress; it can be repeated")
    wait.add_argument(
        "job", metavar="JOB", help="id of a generator, inverter, fit, batch, labeling or evaluation"
    )
    cancel = add(commands, "cancel", "stop a job")
    cancel.add_argument(
        "job", metavar="JOB", help="id of a generator, inverter, fit, batch, labeling or evaluation"
    )
    remove = add(
        commands,
        "rm",
        "delete labelsets, fits, batches, labelings, streams, evaluations, generators",
    )
    remove.add_argument("ids", metavar="ID", nargs="+", help="id of a resource")
    remove.add_argument("--force", action="store_true", help="cancel a running job, then delete it")


def _add_check(commands: Commands) -> None:
    text = "check labelled images locally and with the service, without storing them"
    command = add(commands, "check", text)
    command.add_argument("pairs", metavar="PAIRS", help=FOLDER_HELP)
    add_labels(command)
    command.add_argument(
        "--generator", help="id or name of a generator: check its aspect ratio too"
    )
    command.add_argument(
        "--local", action="store_true", help="check only locally, without a service"
    )


def _add_preview(commands: Commands) -> None:
    text = "write a picture of the first samples of a batch with their labels, or the sheet of a fit or a generator"
    command = add(commands, "preview", text)
    command.add_argument(
        "what",
        metavar="ID|DIR",
        help="id of a batch, labeling, fit or generator, or a downloaded batch",
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE.png", help="target file (default: ID.png)"
    )
    command.add_argument(
        "-n", type=count, default=8, metavar="N", help="number of samples (default: 8)"
    )
