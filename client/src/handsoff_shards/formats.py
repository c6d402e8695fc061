"""The export formats of other tools: shards in, files out one by one, as a folder or as one zip.

The same code runs in the client (`handsoff export`) and the workers of the service (`GET /v1/batches/{id}/export`).
"""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from handsoff_shards import coco, plain, yolo
from handsoff_shards.errors import InvalidInput
from handsoff_shards.reading import Entry, Format, ShardSet

_COMPRESSED = (".png", ".jpg")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


FORMATS: dict[str, Format] = dict(sorted({**coco.FORMATS, **plain.FORMATS, **yolo.FORMATS}.items()))
"""The rows stand beside their writers."""


def files_of(shards: ShardSet, name: str, *, instances: bool = False) -> Iterator[Entry]:
    """Return the files of a batch in the format `name`, one of `FORMATS`. An object is a class, or an instance of it.

    Raises `InvalidInput` immediately when the format does not support the labels or `instances`.
    """
    if name not in FORMATS:
        raise InvalidInput(f"Expected a format of {', '.join(FORMATS)}, got '{name}'.")
    chosen = FORMATS[name]
    if chosen.needs and not set(chosen.needs) & set(shards.labels.tasks):
        needs = " or ".join(chosen.needs)
        raise InvalidInput(
            f"{name} needs labels of {needs}, and this batch has none. Use another format."
        )
    if not instances:
        return chosen.write(shards)
    if chosen.instances is None:
        supported = ", ".join(key for key, other in FORMATS.items() if other.instances)
        raise InvalidInput(f"{name} has no instances. Omit the option, or use {supported}.")
    return chosen.instances(shards)


def write_folder(files: Iterable[Entry], folder: Path) -> None:
    """Write each file to its path inside `folder`."""
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_zip(files: Iterable[Entry], target: Path) -> None:
    """Write all files as one zip without times: the same files give the same bytes. Images are stored uncompressed."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE
            is_compressed = name.endswith(_COMPRESSED)
            entry.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
