"""The export formats of other tools: shards in, files out one by one, as a folder or as one zip.

The same code runs in the client (`handsoff export`) and the workers of the service (`GET /v1/batches/{id}/export`).
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handsoff_shards.coco import coco_files, coco_instance_files
from handsoff_shards.errors import InvalidInput
from handsoff_shards.plain import folder_files, imagefolder_files, voc_files
from handsoff_shards.reading import Entry, ShardSet
from handsoff_shards.tasks import TASKS
from handsoff_shards.yolo import yolo_pose_files, yolo_seg_files

Writer = Callable[[ShardSet], Iterator[Entry]]

ANY = tuple(task.name for task in TASKS)

_COMPRESSED = (".png", ".jpg")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


@dataclass(frozen=True)
class Format:
    """How a format is written. `needs` names tasks: the batch must have labels of at least one of them.

    `instances` writes each connected part of a class as a separate object; None when the format has no objects.
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
    """Return the files of a batch in the format `name`, one of `FORMATS`. An object is a class, or an instance of it.

    Raises `InvalidInput` immediately when the format does not support the labels or `instances`.
    """
    if name not in FORMATS:
        raise InvalidInput(f"Expected a format of {', '.join(FORMATS)}, got '{name}'.")
    chosen = FORMATS[name]
    if not set(chosen.needs) & set(shards.labels.tasks):
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
