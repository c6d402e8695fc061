"""Turn a folder of unlabelled images into the archive of an upload, on disk."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handsoff_client.uploads.packing import ARCHIVE_SUFFIXES, add_files, visible_files
from handsoff_shards.errors import InvalidInput

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MIN_IMAGES = 10
EXPECTED = "a folder, zip or tar of PNG, JPEG or WebP images"


@contextmanager
def opened_images(path: Path) -> Iterator[Path]:
    """Yield the path of the archive to send: a packed folder, or the archive itself.

    Raises `InvalidInput` for another file, or a folder with fewer than 10 images.
    """
    if path.is_dir():
        files = {
            each.relative_to(path).as_posix(): each
            for each in sorted(visible_files(path))
            if each.suffix.lower() in IMAGE_SUFFIXES
        }
        if len(files) < MIN_IMAGES:
            raise InvalidInput(
                f"Expected at least {MIN_IMAGES} images in '{path}', got {len(files)}. Give {EXPECTED}; 1,000 or more"
                " images are useful."
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
