"""Turn a folder of unlabelled images into the archive of an upload, on disk."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handsoff_client.uploads.packing import (
    ARCHIVE_SUFFIXES,
    IMAGE_SUFFIXES,
    add_files,
    visible_files,
)
from handsoff_shards.errors import InvalidInput

MIN_TRAINING_IMAGES = 10
EXPECTED = "a folder, zip or tar of PNG, JPEG or WebP images"


@contextmanager
def opened_images(path: Path, *, least: int = MIN_TRAINING_IMAGES) -> Iterator[Path]:
    """Yield the path of the archive to send: a packed folder, or the archive itself.

    Raises `InvalidInput` for another file, or a folder with fewer than `least` images.
    """
    if path.is_dir():
        files = image_files(path)
        if len(files) < least:
            useful = "; 1,000 or more images are useful" if least > 1 else ""
            raise InvalidInput(
                f"Expected at least {least} images in '{path}', got {len(files)}. Give {EXPECTED}{useful}."
            )
        with tempfile.TemporaryDirectory(prefix="handsoff-") as folder:
            packed = Path(folder, "images.zip")
            with zipfile.ZipFile(
                packed, "w", zipfile.ZIP_STORED
            ) as archive:  # images are compressed
                add_files(archive, files)
            yield packed
        return
    if not path.is_file():
        raise InvalidInput(f"'{path}' does not exist. Give {EXPECTED}.")
    if not path.name.lower().endswith(ARCHIVE_SUFFIXES):
        raise InvalidInput(f"'{path}' is neither a folder nor an archive. Give {EXPECTED}.")
    yield path


def image_files(folder: Path) -> dict[str, Path]:
    """Return the images in a folder and its subfolders by their names in the archive, in order."""
    return {
        each.relative_to(folder).as_posix(): each
        for each in sorted(visible_files(folder))
        if each.suffix.lower() in IMAGE_SUFFIXES
    }
