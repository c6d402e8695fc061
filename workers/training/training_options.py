"""Command-line options of the training commands; each help text states type, unit, default and use. No torch."""

import argparse
import re
import sys
from collections.abc import Callable
from math import isfinite

HELP_WIDTH = 100
INTERRUPTED = 130
WRONG_INPUT = 2


class InputError(ValueError):
    """The input cannot be trained on; the message names the expectation, the input, and the remedy."""


def run_command(main: Callable[[], None]) -> int:
    """Run a command for a person: wrong input and Ctrl+C end in one line. Return the exit status."""
    try:
        main()
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command resumes\n")
        return INTERRUPTED
    return 0


def new_parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of `python -m workers.training.COMMAND` that keeps its description's line breaks."""
    return argparse.ArgumentParser(
        prog=f"python -m workers.training.{command}",
        description=description,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=HELP_WIDTH),
    )


def add_number(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    name: str,
    default: float,
    about: str,
    *,
    unit: str = "",
    least: float = 0,
) -> None:
    """Add an option, a whole number if its default is one. `least` is the smallest accepted value."""
    is_whole = isinstance(default, int)
    kind = ("whole number" if is_whole else "number") + (f", unit {unit}" if unit else "")
    parser.add_argument(
        name,
        type=_at_least(least, whole=is_whole),
        default=default,
        metavar="N" if is_whole else "X",
        help=f"{about} ({kind}, at least {least:g}, default {default:,})",
    )


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for device, threads and seed."""
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="device: cpu, cuda, or another name that torch accepts. Change it to keep a GPU free"
        " (text, default auto: cuda if available, else cpu)",
    )
    add_number(
        group,
        "--threads",
        0,
        "CPU threads; 0 means torch's default, every core. Set it if other programs need the cores",
        unit="threads",
    )
    add_number(
        group,
        "--seed",
        0,
        "seed of all random numbers: the same seed on the same machine gives the same networks. Change it to get"
        " different ones",
    )


def image_size(text: str) -> tuple[int, ...]:
    """Parse HEIGHTxWIDTH, or one number, the longer side."""
    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected HEIGHTxWIDTH in px such as 64x32, or the longer side alone, got {text!r}"
        )
    return tuple(int(side) for side in match.groups() if side is not None)


def _at_least(least: float, *, whole: bool) -> Callable[[str], float]:
    """Return a parser of numbers; its error message names the expected and the given value."""

    def parse(text: str) -> float:
        expected = (
            f"expected a {'whole ' if whole else ''}number of at least {least:g}, got {text!r}"
        )
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(expected) from None
        if not isfinite(value) or value < least:
            raise argparse.ArgumentTypeError(expected)
        return value

    return parse
