"""Write the reference of `handsoff` as Markdown, from its argument parser."""

import argparse
import re
from collections.abc import Iterator

from handsoff_client.cli.arguments import build_parser

_HEAD = """# Command line reference

`make cli-reference` writes this page from the argument parser of `handsoff`, and a test compares it. [The client's
README](../client/README.md#command-line) is the introduction. Every command accepts `--url`, `--api-key` and `--json`.
"""


def text() -> str:
    """Return the page: the usage and options of each command."""
    parser = build_parser()
    parts = [_HEAD, *_sections(parser, "handsoff")]
    return "\n".join(parts).rstrip() + "\n"


def _sections(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for word, command in action.choices.items():
                yield f"## {name} {word}\n\n{command.description}\n"
                yield f"```text\n{usage_of(command)}\n```\n"
                rows = list(_rows(command))
                if rows:
                    yield "| argument | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"
                yield from _sections(command, f"{name} {word}")


def usage_of(parser: argparse.ArgumentParser) -> str:
    """Return the usage in one line: its breaks depend on the version of Python."""
    return re.sub(r"\s+", " ", parser.format_usage()).strip()


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001
        is_command = isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))  # noqa: SLF001
        if is_command or action.help in (None, argparse.SUPPRESS):
            continue
        names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = f" {action.metavar}" if action.option_strings and action.metavar else ""
        choices = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
        meaning = f"{action.help % vars(action)}{choices}".replace("|", "\\|")
        yield f"| `{names}{value}` | {meaning} |".replace("`|", "` |")
