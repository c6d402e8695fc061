"""Turn a folder, zip or tar of labelled images into the archive of an upload. It is packed on disk, not in memory."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from handsoff_shards.errors import InvalidInput

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SCHEMA_FILE = "labelset.json"
COCO_FILE = "annotations.json"
IMAGES = "images/"
EXPECTED = "a folder, zip or tar of images/, their labels and labelset.json"


@contextmanager
def opened_archive(
    path: Path, *, schema: Mapping[str, Any] | None = None, annotations: Path | None = None
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and bytes of the archive to send. Raises `InvalidInput` for a path that cannot be uploaded."""
    if path.is_dir():
        with tempfile.TemporaryFile(prefix="handsoff-") as packed:
            pack(path, packed, schema=schema, annotations=annotations)
            yield f"{path.resolve().name}.zip", packed
        return
    if not path.is_file():
        raise InvalidInput(f"'{path}' does not exist. Give {EXPECTED}.")
    if not path.name.lower().endswith(ARCHIVE_SUFFIXES):
        raise InvalidInput(f"'{path}' is neither a folder nor an archive. Give {EXPECTED}.")
    if schema is not None or annotations is not None:
        raise InvalidInput(
            f"'{path}' is an archive. Add {SCHEMA_FILE} or {COCO_FILE} to it, or give a folder."
        )
    with path.open("rb") as archive:
        yield path.name, archive


def pack(
    folder: Path,
    target: IO[bytes],
    *,
    schema: Mapping[str, Any] | None = None,
    annotations: Path | None = None,
) -> None:
    """Write every visible file in `folder` to a zip, in order of name. `schema` becomes labelset.json.

    With `annotations`, a COCO file, `folder` may also contain the images directly, as in COCO data sets. The zip is not
    compressed, because images are. It contains no times, so the same folder always gives the same bytes.
    """
    files = files_to_pack(folder, annotations)
    _check(folder, files, schema)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        if schema is not None:
            archive.writestr(zipfile.ZipInfo(SCHEMA_FILE), json.dumps(dict(schema)))
        add_files(archive, files)


def add_files(archive: zipfile.ZipFile, files: Mapping[str, Path]) -> None:
    """Write files to a zip by their names, without their times."""
    for name, path in files.items():
        with path.open("rb") as source, archive.open(zipfile.ZipInfo(name), "w") as entry:
            shutil.copyfileobj(source, entry)


def files_to_pack(folder: Path, annotations: Path | None = None) -> dict[str, Path]:
    """Return the files of a folder by their names in the archive, in order of name."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(visible_files(folder))}
    return files if annotations is None else _with_coco(files, annotations)


def _with_coco(files: Mapping[str, Path], annotations: Path) -> dict[str, Path]:
    """Return the files with a COCO file, which may be among them. Images are matched by name, so folders are left out.

    Without images/, other files than images do not belong to the upload. Raises `InvalidInput` for two images of one
    name.
    """
    own = {name: path for name, path in files.items() if path.resolve() != annotations.resolve()}
    is_flat = not any(name.lower().startswith(IMAGES) for name in own)
    packed: dict[str, Path] = {}
    for name, path in own.items():
        is_image = path.suffix.lower() in IMAGE_SUFFIXES and (
            is_flat or name.lower().startswith(IMAGES)
        )
        target = f"{IMAGES}{path.name}" if is_image else name
        if target in packed:
            raise InvalidInput(
                f"'{packed[target]}' and '{path}' have one name. COCO annotations are matched by the name: rename one."
            )
        if is_image or not is_flat:
            packed[target] = path
    return packed | {COCO_FILE: annotations}


def _check(folder: Path, files: Mapping[str, Path], schema: Mapping[str, Any] | None) -> None:
    """Raise `InvalidInput` for a folder that the service would refuse after the complete upload."""
    if not any(name.lower().startswith(IMAGES) for name in files):
        raise InvalidInput(f"'{folder}' has no {IMAGES}. Give {EXPECTED}.")
    if SCHEMA_FILE in files and schema is not None:
        raise InvalidInput(
            f"'{folder}' has a {SCHEMA_FILE}, and classes were given too. Remove one of them."
        )
    if not files.keys() & {SCHEMA_FILE, COCO_FILE, "coco.json"} and schema is None:
        raise InvalidInput(
            f"'{folder}' has no {SCHEMA_FILE}, so the classes are unknown. Add the file, or give the classes."
        )


def visible_files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders, without hidden files (`.DS_Store`)."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__MACOSX")) for part in parts):
            yield path
