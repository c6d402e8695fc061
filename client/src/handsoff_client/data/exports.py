"""`export(folder, "coco", out)`: a downloaded batch in a format that other tools read. The whole of it, or nothing."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from handsoff_client.data.folders import BatchFolder
from handsoff_shards.errors import InvalidInput
from handsoff_shards.formats import files_of, write_folder, write_zip
from handsoff_shards.reading import Entry

ZIP = ".zip"


def export(folder: BatchFolder, name: str, out: Path | str, *, instances: bool = False) -> Path:
    """Writes a batch as `name`, one of `handsoff_shards.formats.FORMATS`, to `out`: a folder, or one file (`.zip`).

    `instances` makes each connected region an object of its own (coco; yolo-seg always does).
    Nothing may be there yet. It is written beside it and renamed when it is whole.
    """
    target = Path(out)
    if target.exists():
        raise InvalidInput(f"'{target}' is there already. Name a path that is not.")
    files = files_of(folder.shards, name, instances=instances)
    part = target.with_name(f"{target.name}.part")
    _remove(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(files, part, as_zip=target.suffix == ZIP)
        part.rename(target)
    finally:
        _remove(part)
    return target


def _write(files: Iterable[Entry], part: Path, *, as_zip: bool) -> None:
    if as_zip:
        write_zip(files, part)
    else:
        part.mkdir()
        write_folder(files, part)


def _remove(path: Path) -> None:
    """A folder or a file, or nothing."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
