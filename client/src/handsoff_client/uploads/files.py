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

_UTF8_NAME = 0x800
_SYSTEM_FILES = (
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$recycle.bin",
    "@eadir",
    "icon\r",
)

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
"""The exceptions of the standard library for a damaged archive."""


def labelled_files(path: Path, annotations: Path | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file. Hidden files are skipped, as in an upload.

    Folders around all files are removed from the names. Raises `InvalidInput` for a damaged archive.
    """
    top = _common_folder(_names(path, annotations))
    for name, content in _entries(path, annotations):
        if not _is_hidden(name):
            yield name.removeprefix(top), content


def name_of(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry. MacOS writes UTF-8 without the flag, some tools on Windows write backslashes."""
    name = entry.filename
    if not entry.flag_bits & _UTF8_NAME:
        try:
            name = name.encode("cp437").decode()  # zipfile decodes such names as code page 437
        except UnicodeError:
            name = entry.filename
    return name.replace("\\", "/")


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
                    yield name_of(entry).removeprefix("./"), content


def _tarred(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                with content:
                    yield member.name.removeprefix("./"), content


def _is_hidden(name: str) -> bool:
    """Return whether the service skips the file: hidden, or of a file manager, or a backup."""
    parts = PurePosixPath(name.lower()).parts
    is_hidden = any(part.startswith((".", "__macosx")) or part in _SYSTEM_FILES for part in parts)
    last = parts[-1] if parts else ""
    return is_hidden or last.startswith("~$") or last.endswith(("~", ":zone.identifier"))


def _common_folder(names: list[str]) -> str:
    """Return the folders around all files with a slash, as in the zip of a folder; else an empty string."""
    common: list[str] = []
    for parts in zip(*(name.split("/")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1 or parts[0].lower() in (*PARTS, *SINGLE_FILES):
            break
        common.append(parts[0])
    return "".join(f"{folder}/" for folder in common)
