"""The child that prepares images: `python -m workers.training.images.preparing_child TASK`, a `PreparingTask` as JSON.

Limits itself, unpacks the archive, surveys the images, and writes them at the size of the training as one array, with
`result.json` beside it. No torch: the child decodes only.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0
from PIL import Image

from workers.children.limited_child import (
    DISK_FULL,
    is_disk_full,
    is_limit,
    limit_self,
)
from workers.training.images.preparing import ARRAY, PROGRESS, RESULT, Prepared, PreparingTask
from workers.training.images.reading import Reading, image_paths, read_image
from workers.training.images.survey import check_px, choose_px, fit_line, survey_folder
from workers.training.images.unpacking import UnpackLimits, unpack
from workers.training.training_options import InputError

UNPACKED = "unpacked"


def main() -> int:
    """Prepare the images of the command line's task."""
    task = PreparingTask.model_validate_json(sys.argv[1])
    folder = Path(task.folder)
    Image.MAX_IMAGE_PIXELS = task.max_pixels // 2  # Pillow refuses twice this number
    limit_self(task.memory_bytes, task.cpu_seconds, file_bytes=task.max_bytes)
    try:
        result = _prepare(task, folder)
        (folder / RESULT).write_text(result.model_dump_json())
    except OSError as error:
        if is_disk_full(error):
            return DISK_FULL
        raise
    return 0


def _prepare(task: PreparingTask, folder: Path) -> Prepared:
    try:
        return _decode(task, folder)
    except InputError as error:
        unpacked = f"{folder / UNPACKED}/"
        return Prepared(
            refusal=str(error).replace(unpacked, "").replace(unpacked[:-1], "the archive")
        )
    except (MemoryError, OSError) as error:
        if not is_limit(error):
            raise
        return Prepared(
            refusal="an image, or all images at this size, take more memory or disk than the operator allows; send"
            " smaller or fewer images, or choose a smaller px"
        )


def _decode(task: PreparingTask, folder: Path) -> Prepared:
    images = folder / UNPACKED
    images.mkdir()
    others = unpack(Path(task.archive), images, UnpackLimits(task.max_images, task.max_bytes))
    Path(task.archive).unlink()  # its space may be needed
    paths = image_paths(images)

    def report(stage: str, done: int) -> None:
        if done % 50 == 0:
            (folder / PROGRESS).write_text(f"{stage} {done} {len(paths)}")

    survey = survey_folder(paths, lambda done, _: report("checking", done))
    reading = Reading(
        image_px=choose_px(survey, task.px, task.size_factor), fit=task.fit, is_grey=survey.is_grey
    )
    height, width = reading.image_px
    check_px(reading.image_px, task.size_factor)
    shape = (len(paths), height, width, 1 if reading.is_grey else 3)
    num_bytes = int(np.prod(shape, dtype=np.int64))
    if num_bytes > task.max_bytes:
        raise InputError(
            f"expected images of at most {task.max_bytes:,} bytes at {height}x{width} px, got {num_bytes:,}; send fewer"
            " images or choose a smaller px"
        )
    with (folder / ARRAY).open("wb") as file:  # not as a memory map: its size would count as memory
        write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for number, path in enumerate(paths):
            report("decoding", number)
            file.write(read_image(path, reading)[..., : shape[-1]].tobytes())
    shutil.rmtree(images)
    skipped = [f"{others:,} other files were left out"] if others else []
    return Prepared(
        num_images=len(paths),
        height_px=height,
        width_px=width,
        is_grey=reading.is_grey,
        facts=(*survey.facts(), fit_line(survey, reading), *skipped),
        warnings=tuple(survey.warnings(reading, augment=task.augment is not False)),
    )


if __name__ == "__main__":
    sys.exit(main())
