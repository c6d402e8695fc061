"""The converters by the name of their command, and one error for every export of an unexpected form."""

from collections.abc import Callable, Mapping
from pathlib import Path

from handsoff_client.converters.conversion import UNEXPECTED, Choices, Conversion
from handsoff_client.converters.formats import cvat, labelstudio, roboflow, voc, yolo
from handsoff_shards.errors import InvalidInput

CONVERTERS: Mapping[str, Callable[[Path, Choices], Conversion]] = {
    "from-cvat": cvat.convert,
    "from-labelstudio": labelstudio.convert,
    "from-voc": voc.convert,
    "from-yolo": yolo.convert,
    "from-roboflow": roboflow.convert,
}


def convert(source: str, path: Path, choices: Choices) -> Conversion:
    """Return the content of an export. Raises `InvalidInput` for every flaw of its files."""
    try:
        return CONVERTERS[source](path, choices)
    except UNEXPECTED as error:
        raise InvalidInput(
            f"'{path.name}' has an unexpected form ({type(error).__name__}: {error}). Export it again."
        ) from error
