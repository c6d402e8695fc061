"""What the command `handsoff` takes: its subcommands, their arguments and the words that explain them."""

import argparse
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from handsoff_client.cli.argument_types import FOLDER_HELP, Commands, add, count, names
from handsoff_client.cli.job_arguments import (
    add_batch,
    add_fit,
    add_generator,
    add_inverter,
    add_stream,
)
from handsoff_client.client import DEFAULT_URL, URL_VARIABLE
from handsoff_shards.formats import FORMATS

DESCRIPTION = """\
A handful of labelled images in, an endless supply of labelled images out.

  handsoff generators                                  list what a fit can use
  handsoff check ./pairs                               check labelled images, keep nothing
  handsoff fit ./pairs --generator portraits-64 --wait upload labelled images, fit a label generator
  handsoff preview FIT                                 a picture of what the fit has learnt
  handsoff batch FIT -n 1000 --out ./data              1000 new labelled images, downloaded
  handsoff stream FIT                                  as many as you read, rendered as you read them
  handsoff show BATCH                                  the state of anything, or what a folder holds
"""

EPILOG = f"""\
Results (ids, tables, paths) go to standard output, progress and messages to standard error. The service is at --url,
else {URL_VARIABLE}, else {DEFAULT_URL}.

exit codes:
  0  done
  1  the service refused, or a file here is wrong: one line says what and what to do
  2  the command line is wrong
  3  the job failed
  4  the job was cancelled
  5  the service does not answer
  130  interrupted: jobs go on at the service, and the same download continues where it stopped
"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
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
        "--json", action="store_true", help="print whole answers, one line of JSON each"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_lists(commands)
    add_generator(commands)
    add_inverter(commands)
    _add_check(commands)
    add_fit(commands)
    add_batch(commands)
    add_stream(commands)
    _add_download(commands)
    _add_export(commands)
    _add_preview(commands)
    _add_single(commands)
    return parser


def _version() -> str:
    try:
        return version("handsoff-client")
    except PackageNotFoundError:
        return "(not installed: run from its source)"


def _add_lists(commands: Commands) -> None:
    for noun in ("generators", "inverters", "labelsets", "fits", "batches", "streams"):
        command = add(commands, noun, f"list the {noun}")
        command.add_argument(
            "--limit", type=count, default=20, help="how many, at most (default: 20)"
        )


def _add_download(commands: Commands) -> None:
    command = add(commands, "download", "fetch a batch's shards, or what is missing of them")
    command.add_argument("batch", metavar="BATCH", help="id of a batch that has succeeded")
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="where to")


def _add_export(commands: Commands) -> None:
    command = add(commands, "export", "write a batch in a format that other tools read")
    command.add_argument("batch", metavar="BATCH|DIR", help="id of a batch, or a downloaded one")
    command.add_argument("--format", choices=sorted(FORMATS), required=True, help="which one")
    command.add_argument(
        "--instances",
        action="store_true",
        help="coco: one object for each connected region instead of each class of an image",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR|FILE.zip",
        required=True,
        help="a folder that is not there yet, written here; or one file, made by the service",
    )


def _add_single(commands: Commands) -> None:
    show = add(commands, "show", "show the state of something, or what a folder holds")
    show.add_argument("what", metavar="ID|DIR", help="id of anything, or a downloaded batch")
    wait = add(
        commands, "wait", "wait for the end of a job, and show progress; also to return to one"
    )
    wait.add_argument("job", metavar="JOB", help="id of a generator, inverter, fit or batch")
    cancel = add(commands, "cancel", "stop a job")
    cancel.add_argument("job", metavar="JOB", help="id of a generator, inverter, fit or batch")
    remove = add(commands, "rm", "delete labelsets, fits, batches, streams, generators")
    remove.add_argument("ids", metavar="ID", nargs="+", help="id of anything")
    remove.add_argument(
        "--force", action="store_true", help="cancel a job that has not ended, then delete it"
    )


def _add_check(commands: Commands) -> None:
    text = "check labelled images here and in the service, without keeping them"
    command = add(commands, "check", text)
    command.add_argument("pairs", metavar="PAIRS", help=FOLDER_HELP)
    command.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="classes in order of index, without a labelset.json",
    )
    command.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="COCO annotations; PAIRS is then the folder of images",
    )
    command.add_argument(
        "--generator", help="id or name of a generator whose aspect ratio the images must have"
    )
    command.add_argument(
        "--local", action="store_true", help="only here: nothing is sent, no service is needed"
    )


def _add_preview(commands: Commands) -> None:
    text = "write a picture of a batch's first samples with their labels, or a fit's own sheet"
    command = add(commands, "preview", text)
    command.add_argument(
        "what", metavar="BATCH|FIT|DIR", help="id of a batch or a fit, or a downloaded batch"
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE.png", help="where to (default: ID.png in this folder)"
    )
    command.add_argument("-n", type=count, default=8, metavar="N", help="samples (default: 8)")
