"""What the arguments of subcommands have in common: how a subcommand is made, and how words become values."""

import argparse
from typing import Any, TypeAlias

from handsoff_client.nouns.fitting import parse_option

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name

FOLDER_HELP = "folder, zip or tar of images/, labels beside them, and labelset.json"


def add(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    """Make a subcommand that says what it does in the list of all and in its own help.

    `--url` and `--json` are accepted before and after the subcommand.
    """
    description = f"{text[0].upper()}{text[1:]}."
    command = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
    command.add_argument("--url", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    return command


def count(text: str) -> int:
    """A whole number from 1 up."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, got {text!r}")
    return value


def names(text: str) -> list[str]:
    """Names divided by commas."""
    return [name.strip() for name in text.split(",")]


def option(text: str) -> tuple[str, Any]:
    """A dotted name and its value."""
    try:
        return parse_option(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
