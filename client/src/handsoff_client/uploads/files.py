"""Read the files of a folder, zip or tar of labelled images one by one, with their names in an upload."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from handsoff_client.uploads.packing import files_to_pack
from handsoff_shards.errors import InvalidInput

PARTS = ("images", "masks", "keypoints", "depth")
SINGLE_FILES = ("labelset.json", "annotations.json", "coco.json")

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
"""The exceptions of the standard library for a damaged archive."""


def labelled_files(path: Path, annotations: Path | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file. Hidden files are skipped, as in an upload.

    A single folder around all files is removed from the names. Raises `InvalidInput` for a damaged archive.
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
            f"'{path}' cannot be read as a zip or tar ({error}). Pack it again without a password."
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
    """Return the single folder around all files with a slash, as in the zip of a folder; else an empty string."""
    tops = {name.partition("/")[0] for name in names}
    top = next(iter(tops), "")
    is_wrapped = len(tops) == 1 and top not in (*PARTS, *SINGLE_FILES)
    return f"{top}/" if is_wrapped else ""
