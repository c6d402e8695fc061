"""The child that reads a caller's images: `python -m workers.labeling.reading_child TASK`, the path of a JSON file.

Either unpacks an archive (`UnpackTask`), or decodes some of its images at the generator's size (`ReadTask`). It limits
itself before it opens a file. Decoded images are appended one by one, so the parent knows which one ended the child.
"""

import os
import resource
import sys
from pathlib import Path

from PIL import Image
from pydantic import TypeAdapter

from contracts.labelings import MAX_REASON
from workers.children.limited_child import (
    DISK_FULL,
    is_disk_full,
    is_limit,
    limit_self,
)
from workers.labeling.originals import Placed, place
from workers.labeling.reading_tasks import (
    PIXELS,
    RESULTS,
    UNPACKED,
    ImageResult,
    ReadTask,
    UnpackResult,
    UnpackTask,
)
from workers.training.images.reading import image_paths, opened, upright
from workers.training.images.unpacking import UnpackLimits, unpack
from workers.training.training_options import InputError

TOO_LARGE = "it takes more memory than the operator allows; send a smaller image"


def main() -> int:
    """Do the task of the command line."""
    text = Path(sys.argv[1]).read_bytes()
    task: UnpackTask | ReadTask = TypeAdapter(UnpackTask | ReadTask).validate_json(text)
    limit_self(task.memory_bytes, task.cpu_seconds, file_bytes=task.file_bytes)
    try:
        if isinstance(task, UnpackTask):
            _unpack(task)
        else:
            _read(task)
    except OSError as error:
        if is_disk_full(error):
            return DISK_FULL
        raise
    return 0


def _unpack(task: UnpackTask) -> None:
    folder = Path(task.folder)
    images = folder / UNPACKED
    images.mkdir()
    try:
        others = unpack(Path(task.archive), images, UnpackLimits(task.max_images, task.file_bytes))
        names = [path.relative_to(images).as_posix() for path in image_paths(images)]
        result = UnpackResult(names=tuple(names), num_other_files=others)
    except InputError as error:
        result = UnpackResult(refusal=str(error))
    except (MemoryError, OSError) as error:
        if not is_limit(error):
            raise
        result = UnpackResult(
            refusal="the archive takes more memory or disk than the operator allows; send fewer images"
        )
    (folder / RESULTS).write_text(result.model_dump_json())


def _read(task: ReadTask) -> None:
    folder = Path(task.folder)
    Image.MAX_IMAGE_PIXELS = None  # `_refusal` checks the size, with a message for users
    with (folder / PIXELS).open("ab") as pixels, (folder / RESULTS).open("a") as results:
        for name in task.names:
            _limit_one(task.cpu_seconds_per_image)
            result = read_one(folder / UNPACKED / name, task)
            if isinstance(result, Placed):
                pixels.write(result.pixels.tobytes())
                pixels.flush()  # before its line, which says that the pixels are complete
                line = ImageResult(size=result.size, box=result.box)
            else:
                line = ImageResult(reason=result[:MAX_REASON])
            results.write(f"{line.model_dump_json()}\n")
            results.flush()


def _limit_one(cpu_seconds: int) -> None:
    """Give the next image its own CPU time: its end by SIGXCPU is that of one image."""
    used, hard = sum(os.times()[:2]), resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used) + 1 + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft, hard), hard))


def read_one(path: Path, task: ReadTask) -> Placed | str:
    """Return the image at the generator's size, or the reason why it cannot be read."""
    try:
        with opened(path) as file:
            return _refusal(file, task.max_pixels) or place(upright(file), task.px, task.aspect)
    except InputError as error:
        return (
            str(error)
            .replace(str(path), "the file")
            .replace("remove it from the folder", "leave it out")
        )
    except (MemoryError, OSError) as error:
        if not is_limit(error):
            raise
        return TOO_LARGE


def _refusal(file: Image.Image, max_pixels: int) -> str | None:
    """Return the reason why an opened image cannot be labelled, if there is one."""
    if file.width * file.height > max_pixels:
        return f"expected at most {max_pixels} pixels, got {file.width} x {file.height}; scale the image down"
    # A phone's JPEG may contain more images (MPO); the first is the photograph.
    if getattr(file, "is_animated", False) and file.format != "MPO":
        return "expected a still image, got an animation; send one frame of it"
    if file.has_transparency_data and file.convert("RGBA").getchannel("A").getextrema()[0] != 255:
        return "expected an opaque image, got transparent pixels; flatten it onto a background"
    return None


if __name__ == "__main__":
    sys.exit(main())
