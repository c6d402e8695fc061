"""Export a downloaded batch in the format of another tool, atomically: `export(folder, "coco", out)`."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.http.downloads import check_absent
from handsoff_shards.formats import files_of, write_folder, write_zip
from handsoff_shards.reading import Entry

ZIP = ".zip"


def export(folder: BatchFolder, name: str, out: Path | str, *, instances: bool = False) -> Path:
    """Write a batch in the format `name`, one of `handsoff_shards.formats.FORMATS`, to `out`: a folder, or a `.zip`.

    `instances` makes each connected region a separate object (coco; yolo-seg always does). `out` must not exist. The
    export is written to a temporary name beside `out` and renamed at the end.
    """
    target = Path(out)
    check_absent(target)
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
    """Delete a folder or a file if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
