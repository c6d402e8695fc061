"""Unpack an archive of images (zip or tar) into a folder. The archive is untrusted: all names and sizes are checked."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from workers.children.limited_child import is_disk_full, is_limit
from workers.training.images.reading import SUFFIXES
from workers.training.training_options import InputError

MAX_PATH_BYTES = 200
CHUNK_BYTES = 1 << 20
UTF8_NAME = 0x800
PACK_AGAIN = "pack the folder again with zip -r, or with tar"


@dataclass(frozen=True)
class UnpackLimits:
    """The most images of an archive, also the most folders, and the most bytes of the images together."""

    max_images: int
    max_bytes: int


@dataclass(frozen=True)
class _Member:
    name: str
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, limits: UnpackLimits) -> int:
    """Write the images of an archive into the folder, under their own paths; return the number of other files.

    Directories, links, hidden files and files without an image's suffix are left out.

    Raises:
        InputError: it is no archive, it is damaged, it has no image, or it exceeds a limit.
    """
    try:
        written, others = _write_images(archive, folder, limits)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # of a reader: BadZipFile, TarError, zlib.error, UnicodeDecodeError, ...
        if is_limit(error) or is_disk_full(error):
            raise
        raise InputError(f"the archive is damaged ({error}); {PACK_AGAIN}") from error
    if not written:
        raise InputError(
            f"expected PNG, JPEG or WebP images in the archive, found none among {others:,} files; {PACK_AGAIN}"
        )
    return others


def _write_images(archive: Path, folder: Path, limits: UnpackLimits) -> tuple[int, int]:
    """Return the number of images, which are then in the folder, and of other files."""
    written, others, num_bytes = 0, 0, 0
    folders: set[Path] = set()
    for member in _members(archive):
        path = _target(folder, member.name)
        if path is None:
            others += 1
            continue
        written += 1
        folders.update(path.relative_to(folder).parents)
        for count, what in ((written, "images"), (len(folders), "folders")):
            if count > limits.max_images:
                raise InputError(
                    f"expected at most {limits.max_images:,} {what} in the archive, got more; leave some out"
                )
        num_bytes += _write(member, path, limits.max_bytes - num_bytes, limits)
    return written, others


def _members(archive: Path) -> Iterator[_Member]:
    """Yield the regular files of an archive. Bytes that are not UTF-8 in the names of a tar become U+FFFD."""
    if tarfile.is_tarfile(archive):  # first: a tar that ends with a zip looks like a zip too
        with tarfile.open(archive, "r:*", errors="replace") as tar:
            for entry in tar:
                if entry.isfile():
                    yield _Member(entry.name, partial(_extract, tar, entry))
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                if info.flag_bits & 1:
                    raise InputError(f"the archive has a password; {PACK_AGAIN} without one")
                if not info.is_dir():
                    yield _Member(_name_of(info), partial(file.open, info))
    else:
        raise InputError(f"expected a zip or tar archive of images, got another file; {PACK_AGAIN}")


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return the name of a zip's entry. Valid UTF-8 is UTF-8, also without the flag, which macOS does not set."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()  # zipfile decodes such names as code page 437
    except UnicodeError:
        return info.filename


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(entry)
    assert file is not None  # a regular file
    return file


def _target(folder: Path, name: str) -> Path | None:
    """Return the path of an image below the folder; None for a file that is no image.

    Raises:
        InputError: the name leaves the folder, or is too long.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part != "."]
    is_hidden = any(part.startswith(".") and part != ".." for part in parts)
    if is_hidden or "__MACOSX" in parts or path.suffix.lower() not in SUFFIXES:
        return None
    if path.is_absolute() or ".." in parts or "\0" in name:
        raise InputError(
            f"expected paths inside the archive, got {name[:100]!r}; pack the folder from its parent folder"
        )
    if len(name.encode(errors="replace")) > MAX_PATH_BYTES:
        raise InputError(
            f"expected names of at most {MAX_PATH_BYTES} bytes in the archive, got {name[:60]!r}...; rename the file"
        )
    return folder.joinpath(*parts)


def _write(member: _Member, path: Path, max_bytes: int, limits: UnpackLimits) -> int:
    """Write a member; return its bytes."""
    if path.exists():
        raise InputError(
            f"expected different names in the archive, got {member.name[:100]!r} twice; {PACK_AGAIN}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"{member.name[:100]!r} in the archive lies below a file; {PACK_AGAIN}"
        ) from error
    written = 0
    with member.open() as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if written > max_bytes:
                raise InputError(
                    f"expected image files of at most {limits.max_bytes:,} bytes in the archive, got more; send fewer"
                    " or smaller images"
                )
            target.write(chunk)
    return written
