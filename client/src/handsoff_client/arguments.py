"""What the command `handsoff` takes: its subcommands, their arguments and the words that explain them."""

import argparse
from pathlib import Path
from typing import TypeAlias

from handsoff_client.client import DEFAULT_URL, URL_VARIABLE
from handsoff_shards.formats import FORMATS

DESCRIPTION = """\
A handful of labelled images in, an endless supply of labelled images out.

  handsoff generators                                  what a fit can be made of
  handsoff fit ./pairs --generator portraits-64 --wait upload labelled images, fit a label generator
  handsoff batch FIT -n 1000 --out ./data              1000 new labelled images, downloaded
  handsoff stream FIT                                  as many as you read, rendered as you read them
  handsoff show BATCH                                  how anything stands, or what a folder holds
"""

EPILOG = f"""\
What is asked for is printed on standard output, one id to a line, and can be used in the next command; all else goes to
standard error. The service is at --url, else {URL_VARIABLE}, else {DEFAULT_URL}.

exit codes:
  0  done
  1  the service refused, or something here is not what was expected: one line says what and what to do
  2  the command line is not right
  3  the job failed
  4  the job was cancelled
  5  the service does not answer
  130  interrupted; jobs go on at the service, and a download goes on where it stopped when it is asked for again
"""

FOLDER_HELP = "folder, zip or tar of images/, labels beside them, and labelset.json"


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="handsoff",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--url", help=f"address of the service (default: {URL_VARIABLE}, or {DEFAULT_URL})"
    )
    parser.add_argument(
        "--json", action="store_true", help="print whole answers, one line of JSON each"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_lists(commands)
    _add_generator(commands)
    _add_inverter(commands)
    _add_fit(commands)
    _add_batch(commands)
    _add_stream(commands)
    _add_download(commands)
    _add_export(commands)
    _add_single(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


def _add_lists(commands: Commands) -> None:
    for noun in ("generators", "inverters", "labelsets", "fits", "batches", "streams"):
        command = _add(commands, noun, f"list the {noun}")
        command.add_argument(
            "--limit", type=_count, default=20, help="how many, at most (default: 20)"
        )


def _add_generator(commands: Commands) -> None:
    command = _add(commands, "generator", "upload a StyleGAN2 checkpoint")
    command.add_argument(
        "checkpoint", type=Path, metavar="FILE", help="the checkpoint, as it was published"
    )
    command.add_argument("--name", required=True, help="for people")
    command.add_argument("--licence", default="", help="the terms that it is used under")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def _add_inverter(commands: Commands) -> None:
    text = "train an encoder that starts the inversions of a generator's fits"
    command = _add(commands, "inverter", text)
    command.add_argument("generator", metavar="GENERATOR", help="id of a generator")
    command.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def _add_fit(commands: Commands) -> None:
    command = _add(commands, "fit", "upload labelled images and fit a label generator to them")
    command.add_argument("pairs", metavar="PAIRS", help=f"{FOLDER_HELP}; or the id of a labelset")
    command.add_argument(
        "--generator",
        required=True,
        help="id of the generator, as `handsoff generators` lists them",
    )
    command.add_argument(
        "--validation",
        metavar="PAIRS",
        help="the same, never trained on: measures how good labels are",
    )
    command.add_argument(
        "--classes",
        type=_names,
        metavar="A,B,...",
        help="classes in order of index, without a labelset.json",
    )
    command.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="COCO annotations; PAIRS is then the folder of images",
    )
    command.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    command.add_argument("--name", help="for people")
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")


def _add_batch(commands: Commands) -> None:
    command = _add(commands, "batch", "ask a fit for labelled images")
    command.add_argument("fit", metavar="FIT", help="id of a fit that has succeeded")
    command.add_argument("-n", type=_count, required=True, metavar="N", help="how many samples")
    _add_recipe(command)
    command.add_argument("--wait", action="store_true", help="wait for the end, and show progress")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="wait, then download all shards into DIR"
    )


def _add_stream(commands: Commands) -> None:
    text = "make a stream of labelled images without an end, or fetch shards of one"
    command = _add(commands, "stream", text)
    command.add_argument(
        "what", metavar="FIT|STREAM", help="id of a fit that has succeeded, or of a stream to read"
    )
    _add_recipe(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="fetch shards into DIR, as plain tars"
    )
    command.add_argument(
        "--start", type=int, default=0, metavar="K", help="the first of them (default: 0)"
    )
    command.add_argument(
        "--shards", type=_count, default=1, metavar="N", help="how many (default: 1)"
    )


def _add_recipe(command: argparse.ArgumentParser) -> None:
    """What decides the samples of a batch or a stream."""
    command.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same samples (default: 0)"
    )
    command.add_argument(
        "--truncation", type=float, metavar="PSI", help="0 to 1: small is typical, large is varied"
    )
    command.add_argument(
        "--drop-share",
        type=float,
        metavar="SHARE",
        help="leave out this share of the most uncertain, such as 0.1",
    )
    command.add_argument("--format", choices=("png", "jpeg"), help="of the images (default: png)")
    command.add_argument("--shard-size", type=_count, metavar="N", help="samples in a shard")


def _add_download(commands: Commands) -> None:
    command = _add(commands, "download", "fetch a batch's shards, or what is missing of them")
    command.add_argument("batch", metavar="BATCH", help="id of a batch that has succeeded")
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="where to")


def _add_export(commands: Commands) -> None:
    command = _add(commands, "export", "write a batch in a format that other tools read")
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
    show = _add(commands, "show", "show how something stands, or what a folder holds")
    show.add_argument("what", metavar="ID|DIR", help="id of anything, or a downloaded batch")
    wait = _add(commands, "wait", "wait for the end of a job, and show progress")
    wait.add_argument("job", metavar="JOB", help="id of a generator, inverter, fit or batch")
    cancel = _add(commands, "cancel", "stop a job")
    cancel.add_argument("job", metavar="JOB", help="id of a generator, inverter, fit or batch")


def _add(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    """A subcommand that says what it does in the list of all and in its own help."""
    description = f"{text[0].upper()}{text[1:]}."
    return commands.add_parser(name, help=text, description=description, allow_abbrev=False)


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(
            f"a whole number from 1 up was expected, but {text!r} came"
        )
    return value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
