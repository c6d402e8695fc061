"""What is checked and put together before a fit is asked for: the generator, the images' aspect ratio, the options."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from handsoff_client.http.service_errors import MAX_SHOWN_FLAWS, Flaw
from handsoff_client.nouns.inspection import aspect_flaws, inspect
from handsoff_client.nouns.resources import Generator
from handsoff_shards.errors import InvalidInput


def check_images(generator: Generator, path: Path, annotations: Path | None = None) -> None:
    """Check images that are not uploaded yet against a generator. Only their headers are read.

    Raises `InvalidInput` when images have another aspect ratio. Every other flaw is left to the service.
    """
    if not path.exists():
        return  # the upload says so
    found = inspect(path, annotations=annotations, decode=False)
    flaws = list(aspect_flaws(found, generator))
    if flaws:
        raise InvalidInput(f"{in_words(flaws)} Nothing was uploaded.")


def in_words(flaws: Sequence[Flaw]) -> str:
    """The first flaws as sentences, and how many more there are."""
    shown = " ".join(str(flaw) for flaw in flaws[:MAX_SHOWN_FLAWS])
    more = len(flaws) - MAX_SHOWN_FLAWS
    return f"{shown} And {more} more." if more > 0 else shown


def parse_option(text: str) -> tuple[str, Any]:
    """Turn `ensemble.steps=500` into its dotted name and its value: JSON where it is JSON, else text.

    Raises `ValueError` for anything else.
    """
    name, mark, value = text.partition("=")
    if not mark or not all(part.strip() == part and part for part in name.split(".")):
        raise ValueError(f"expected KEY=VALUE such as ensemble.steps=500, got {text!r}")
    try:
        return name, json.loads(value, parse_constant=_refuse)
    except ValueError:
        return name, value


def nested(options: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Put dotted options together: `ensemble.steps` becomes a field of the object `ensemble`.

    Raises `InvalidInput` when one is given twice, or as a value and as an object.
    """
    whole: dict[str, Any] = {}
    for name, value in options:
        *outer, last = name.split(".")
        place = whole
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidInput(
                    f"Option '{part}' is given as a value, and '{name}' as a field of it. Keep one."
                )
        if last in place:
            raise InvalidInput(f"Option '{name}' is given twice. Keep one.")
        place[last] = value
    return whole


def merged(options: Iterable[tuple[str, Any]], **more: object) -> Mapping[str, Any] | None:
    """The options of a fit: the dotted ones, and those that have an argument of their own. None when there is none."""
    own = [(name, value) for name, value in more.items() if value is not None]
    return nested([*options, *own]) or None


def _refuse(text: str) -> NoReturn:
    """NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError(text)
