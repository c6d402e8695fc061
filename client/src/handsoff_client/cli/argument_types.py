"""Shared parts of the command line: add a subcommand, and parse the values of arguments."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from handsoff_client.cli.options import parse_option

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name

FOLDER_HELP = "folder, zip or tar of images/, their labels, and labelset.json"


def add(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    """Add a subcommand with its description. `--url`, `--api-key` and `--json` are accepted before and after it."""
    description = f"{text[0].upper()}{text[1:]}."
    command = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
    for option in ("--url", "--api-key"):
        command.add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    return command


def add_labels(command: argparse.ArgumentParser) -> None:
    """Add the arguments that say what the labels of PAIRS mean."""
    command.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="classes in the order of their index, instead of a labelset.json",
    )
    command.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="COCO annotations; PAIRS is the folder of images then",
    )


def count(text: str) -> int:
    """Parse a whole number of 1 or more."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {text!r}")
    return value


def counts(text: str) -> list[int]:
    """Parse whole numbers of 1 or more, separated by commas."""
    return [count(part) for part in text.split(",")]


def image_px(text: str) -> int | list[int]:
    """Parse the longer side of an image in px, or HEIGHTxWIDTH."""
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise argparse.ArgumentTypeError(
            f"expected px such as 64, or height x width such as 64x32, got {text!r}"
        )
    numbers = [int(side) for side in sides]
    return numbers if len(numbers) > 1 else numbers[0]


def names(text: str) -> list[str]:
    """Parse names separated by commas."""
    return [name.strip() for name in text.split(",")]


def network(text: str) -> str | dict[str, str]:
    """Parse a downstream network: `unet`, `smp:unet/resnet18`, or `smp:unet/resnet18/mounted` with mounted weights."""
    kind, mark, rest = text.partition(":")
    if not mark:
        return text
    parts = rest.split("/")
    if kind != "smp" or len(parts) not in (2, 3) or not all(parts):
        raise argparse.ArgumentTypeError(
            f"expected unet, smp:ARCHITECTURE/ENCODER or smp:ARCHITECTURE/ENCODER/mounted, got {text!r}"
        )
    fields = ("architecture", "encoder", "weights")
    return {"kind": kind} | dict(zip(fields, parts, strict=False))


def condition(text: str) -> list[int] | dict[int, float] | int:
    """Parse the classes of a generator: `3`, `0,3`, or `0:0.7,3:0.3` with weights."""
    parts = [part.partition(":") for part in text.split(",")]
    try:
        numbers = [int(number) for number, _, _ in parts]
        if any(mark for _, mark, _ in parts):
            weights = {int(number): float(weight) for number, _, weight in parts}
            if len(weights) == len(parts):
                return weights
        elif len(set(numbers)) == len(numbers):
            return numbers[0] if len(numbers) == 1 else numbers
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"expected different classes such as 3, 0,3 or 0:0.7,3:0.3, got {text!r}"
    )


def option(text: str) -> tuple[str, Any]:
    """Parse the dotted name and the value of an option."""
    try:
        return parse_option(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def target(text: str) -> dict[str, object]:
    """Parse a target of a batch or a stream: `hat=40%`, `hat>=2%=40%`, `hat=30%,glasses=20%` or `more:hair=1.5`."""
    kind, mark, rest = text.partition(":")
    try:
        if mark and kind in ("more", "less"):
            name, mark, strength = rest.partition("=")
            return {
                "kind": kind,
                "class_name": _name(name),
                "strength": float(strength) if mark else 1.0,
            }
        parts = [_class_share(part) for part in text.split(",")]
        if len({name for name, _, _ in parts}) < len(parts):
            raise ValueError("a class is named twice")  # noqa: TRY301 - one message for all flaws
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a target such as hat=40%, hat>=2%=40%, hat=30%,glasses=20% or more:hair=1.5, got {text!r}"
        ) from None
    if len(parts) == 1:
        [(name, images, least)] = parts
        presence: dict[str, object] = {"kind": "presence", "class_name": name, "images": images}
        return presence | ({} if least is None else {"min_pixels": least})
    given = {name: least for name, _, least in parts if least is not None}
    by_name = {name: images for name, images, _ in parts}
    shares: dict[str, object] = {"kind": "distribution", "images": by_name}
    return shares | ({"min_pixels": given} if given else {})


def target_text(value: Mapping[str, Any]) -> str:
    """Return a target as `--target` takes it."""
    if value["kind"] in ("more", "less"):
        return f"{value['kind']}:{value['class_name']}={value['strength']:g}"
    images = value["images"]
    shares = images if isinstance(images, Mapping) else {value["class_name"]: images}
    least = value.get("min_pixels")
    return ",".join(
        f"{name}{_least_text(least[name] if isinstance(least, Mapping) else least)}={100 * share:.4g}%"
        for name, share in shares.items()
    )


def _least_text(least: float | None) -> str:
    return "" if least is None else f">={100 * least:.4g}%"


def _class_share(text: str) -> tuple[str, float, float | None]:
    """Return name, share of images and least share of pixels of `hat=40%`, `hat>=2%=40%`, `hat>=2%` (of all images)."""
    name, mark, rest = text.partition(">=")
    if not mark:
        name, _, images = text.partition("=")
        return _name(name), _share(images), None
    least, mark, images = rest.partition("=")
    return _name(name), _share(images) if mark else 1.0, _share(least)


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("expected the name of a class")
    return text.strip()


def _share(text: str) -> float:
    """Return a share: `40%` or `0.4`."""
    text = text.strip()
    return round(float(text[:-1]) / 100, 12) if text.endswith("%") else float(text)
