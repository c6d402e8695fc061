"""The formats that other tools read: shards in, files out, one after another; as a folder, or as one zip.

The same code serves the client (`handsoff export`) and the service's workers (`GET /v1/batches/{id}/export`).
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handsoff_shards.coco import coco_files
from handsoff_shards.errors import InvalidInput
from handsoff_shards.plain import folder_files, imagefolder_files, voc_files
from handsoff_shards.reading import Entry, ShardSet
from handsoff_shards.yolo import yolo_pose_files, yolo_seg_files

ANY = ("segmentation", "keypoints", "depth")

_PACKED = (".png", ".jpg")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


@dataclass(frozen=True)
class Format:
    """How a format is written, and what it is for: a batch with labels of one of these tasks at least."""

    write: Callable[[ShardSet], Iterator[Entry]]
    needs: tuple[str, ...] = ANY


FORMATS: dict[str, Format] = {
    "coco": Format(coco_files, ("segmentation", "keypoints")),
    "folder": Format(folder_files),
    "imagefolder": Format(imagefolder_files),
    "voc": Format(voc_files, ("segmentation",)),
    "yolo-pose": Format(yolo_pose_files, ("keypoints",)),
    "yolo-seg": Format(yolo_seg_files, ("segmentation",)),
}


def files_of(shards: ShardSet, name: str) -> Iterator[Entry]:
    """The files of a batch as `name`, one of `FORMATS`. Raises `InvalidInput` at once when it cannot be that."""
    if name not in FORMATS:
        raise InvalidInput(f"There is no format '{name}'; there are {', '.join(FORMATS)}.")
    needs = FORMATS[name].needs
    if not set(needs) & set(shards.labels.tasks):
        raise InvalidInput(
            f"{name} is for labels of {' or '.join(needs)}, and this batch has none. Use another format."
        )
    return FORMATS[name].write(shards)


def write_folder(files: Iterable[Entry], folder: Path) -> None:
    """Each file at its path below `folder`."""
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_zip(files: Iterable[Entry], target: Path) -> None:
    """All files as one zip, which knows no clock: the same files give the same bytes. Images are packed already."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE
            is_packed = name.endswith(_PACKED)
            entry.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
