"""`export(folder, "coco", out)`: a downloaded batch in a format that other tools read. The whole folder, or nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

from handsoff_client.errors import InvalidInput
from handsoff_client.exports.coco import write_coco
from handsoff_client.exports.plain import write_folder, write_imagefolder, write_voc
from handsoff_client.exports.yolo import write_yolo_pose, write_yolo_seg
from handsoff_client.folders import BatchFolder

FORMATS: dict[str, Callable[[BatchFolder, Path], None]] = {
    "coco": write_coco,
    "folder": write_folder,
    "imagefolder": write_imagefolder,
    "voc": write_voc,
    "yolo-pose": write_yolo_pose,
    "yolo-seg": write_yolo_seg,
}


def export(folder: BatchFolder, name: str, out: Path | str) -> Path:
    """Writes a batch as `name`, one of `FORMATS`, to `out`, which must not be there yet.

    It is written beside it and renamed when it is whole.
    """
    target = Path(out)
    if name not in FORMATS:
        raise InvalidInput(f"There is no format '{name}'; there are {', '.join(FORMATS)}.")
    if target.exists():
        raise InvalidInput(f"'{target}' is there already. Name a folder that is not.")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        FORMATS[name](folder, part)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target
