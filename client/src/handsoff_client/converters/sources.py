"""Shared steps of converters: the image of an annotation, images without annotation, JSON and XML."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from handsoff_client.converters.conversion import Choices, LabelledImage, Notes
from handsoff_client.converters.files import ImageFinder, read_text
from handsoff_shards.errors import InvalidInput


def found_image(
    finder: ImageFinder, name: str, place: str, choices: Choices, notes: Notes
) -> Path | None:
    """Return the image file of an annotation; None for a missing one with `--skip-missing`.

    Raises `InvalidInput` for a missing one without that option.
    """
    path = finder.find(name)
    if path is None and not choices.skip_missing:
        raise InvalidInput(
            f"{place}: expected the image '{name}' below '{finder.root}', got none. Give its folder with --images"
            " FOLDER, or leave out such annotations with --skip-missing."
        )
    if path is None:
        notes.add("annotations of missing images are left out", name)
    return path


def left_out(finder: ImageFinder, used: Sequence[LabelledImage], notes: Notes) -> None:
    """Add a note about images that no annotation mentions."""
    files = {image.file for image in used}
    for path in finder.all:
        if path not in files:
            notes.add("images that no annotation mentions are left out", finder.shown(path))


def read_json(file: Path) -> Any:  # noqa: ANN401 - JSON
    """Return the content of a JSON file. Raises `InvalidInput` with the line of a mistake."""
    try:
        return json.loads(read_text(file))
    except ValueError as error:
        raise InvalidInput(f"{file.name}: not valid JSON ({error}). Export it again.") from error
    except RecursionError as error:
        raise InvalidInput(f"{file.name}: nested too deeply. Export it again.") from error


def read_xml(file: Path) -> ElementTree.Element:
    """Return the root of an XML file. Raises `InvalidInput` for a file that is no XML or declares entities."""
    text = read_text(file)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidInput(f"{file.name}: a document type is not expected. Export the file again.")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - it has no entities
    except ElementTree.ParseError as error:
        raise InvalidInput(
            f"{file.name}: not valid XML ({error}). Export the file again."
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{file.name}: {error}. Save it as UTF-8.") from error
