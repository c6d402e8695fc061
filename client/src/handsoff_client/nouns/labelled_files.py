"""The files of a folder, zip or tar of labelled images, one after another, under their names in an upload."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from handsoff_client.nouns.uploads import files_to_pack
from handsoff_shards.errors import InvalidInput

PARTS = ("images", "masks", "keypoints", "depth")
SINGLE_FILES = ("labelset.json", "annotations.json", "coco.json")

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
"""What the standard library raises for an archive that cannot be read."""


def labelled_files(path: Path, annotations: Path | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file; hidden ones are left out, as in an upload.

    One folder around everything is taken off the names. Raises `InvalidInput` for an archive that cannot be read.
    """
    top = _common_folder(_names(path, annotations))
    for name, content in _entries(path, annotations):
        if not _is_hidden(name):
            yield name.removeprefix(top), content


def _names(path: Path, annotations: Path | None) -> list[str]:
    return [name for name, _ in _entries(path, annotations) if not _is_hidden(name)]


def _entries(path: Path, annotations: Path | None) -> Iterator[tuple[str, IO[bytes]]]:
    if path.is_dir():
        for name, file in files_to_pack(path, annotations).items():
            with file.open("rb") as content:
                yield name, content
        return
    try:
        yield from _zipped(path) if zipfile.is_zipfile(path) else _tarred(path)
    except (*DAMAGED, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(
            f"'{path}' cannot be read as a zip or tar ({error}). Make it again as a plain one, without a password."
        ) from error


def _zipped(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as content:
                    yield entry.filename, content


def _tarred(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                with content:
                    yield member.name.removeprefix("./"), content


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _common_folder(names: list[str]) -> str:
    """The one folder that everything lies in, with its slash, as when a folder was zipped; else nothing."""
    tops = {name.partition("/")[0] for name in names}
    top = next(iter(tops), "")
    is_wrapped = len(tops) == 1 and top not in (*PARTS, *SINGLE_FILES)
    return f"{top}/" if is_wrapped else ""
