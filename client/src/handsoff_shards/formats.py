"""The formats that other tools read: shards in, files out, one after another; as a folder, or as one zip.

The same code serves the client (`handsoff export`) and the service's workers (`GET /v1/batches/{id}/export`).
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handsoff_shards.coco import coco_files, coco_instance_files
from handsoff_shards.errors import InvalidInput
from handsoff_shards.plain import folder_files, imagefolder_files, voc_files
from handsoff_shards.reading import Entry, ShardSet
from handsoff_shards.yolo import yolo_pose_files, yolo_seg_files

Writer = Callable[[ShardSet], Iterator[Entry]]

ANY = ("segmentation", "keypoints", "depth")

_PACKED = (".png", ".jpg")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


@dataclass(frozen=True)
class Format:
    """How a format is written, and what it is for: a batch with labels of one of these tasks at least.

    `instances` writes each connected part of a class as an object of its own; None where the format has no objects.
    """

    write: Writer
    needs: tuple[str, ...] = ANY
    instances: Writer | None = None


FORMATS: dict[str, Format] = {
    "coco": Format(coco_files, ("segmentation", "keypoints"), coco_instance_files),
    "folder": Format(folder_files),
    "imagefolder": Format(imagefolder_files),
    "voc": Format(voc_files, ("segmentation",)),
    "yolo-pose": Format(yolo_pose_files, ("keypoints",)),
    "yolo-seg": Format(yolo_seg_files, ("segmentation",), yolo_seg_files),  # a line is one polygon
}


def files_of(shards: ShardSet, name: str, *, instances: bool = False) -> Iterator[Entry]:
    """Return the files of a batch in the format `name`, one of `FORMATS`, with an object for each instance or class.

    Raises `InvalidInput` at once where the format, the labels and `instances` do not fit together.
    """
    if name not in FORMATS:
        raise InvalidInput(f"There is no format '{name}'; there are {', '.join(FORMATS)}.")
    found = FORMATS[name]
    if not set(found.needs) & set(shards.labels.tasks):
        raise InvalidInput(
            f"{name} is for labels of {' or '.join(found.needs)}, and this batch has none. Use another format."
        )
    if not instances:
        return found.write(shards)
    if found.instances is None:
        offered = ", ".join(key for key, other in FORMATS.items() if other.instances)
        raise InvalidInput(f"{name} has no instances. Leave the option out, or use {offered}.")
    return found.instances(shards)


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
