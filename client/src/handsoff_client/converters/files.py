"""The files of an export: open a folder, zip or tar, find images by the name in an annotation, read sizes and texts."""

import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from PIL import Image

from handsoff_client.converters.conversion import Size
from handsoff_client.uploads.files import DAMAGED, name_of
from handsoff_client.uploads.packing import IMAGE_SUFFIXES, visible_files
from handsoff_shards.errors import InvalidInput

OTHER_SUFFIXES = (".bmp", ".tif", ".tiff", ".gif", ".heic")
_ORIENTATION = 0x0112
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ROTATED = (5, 6, 7, 8)
_TURNED = range(2, 9)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Yield the folder or single file of an export. A zip or tar is unpacked to a temporary folder."""
    if not path.exists():
        raise InvalidInput(
            f"'{path}' does not exist. Give the folder, zip or file that the tool exported."
        )
    if path.is_dir() or not (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="handsoff-") as temporary:
        folder = Path(temporary, path.stem.removesuffix(".tar"))  # the name is in messages
        try:
            _unpack(path, folder)
        except (*DAMAGED, NotImplementedError, RuntimeError) as error:
            raise InvalidInput(
                f"'{path}' cannot be unpacked ({error}). Export it again."
            ) from error
        yield folder


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of a zip or tar below the folder."""
    if not zipfile.is_zipfile(path):
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")  # refuses paths out of the folder
        return
    with zipfile.ZipFile(path) as zipped:
        for entry in zipped.infolist():
            entry.filename = name_of(entry)
            zipped.extract(entry, folder)  # removes absolute paths and ".."


def files_in(root: Path, *suffixes: str) -> list[Path]:
    """Return the visible files with one of these suffixes, in order of name."""
    return sorted(each for each in visible_files(root) if each.suffix.lower() in suffixes)


def read_text(path: Path) -> str:
    """Return a text of UTF-8, or UTF-16 with its mark, with plain line ends. Raises `InvalidInput` for another one."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path.name}: expected text in UTF-8, got another byte at {error.start}. Save it as UTF-8."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and content of each line that is not empty."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def sizes_of(path: Path) -> tuple[Size, Size, bool]:
    """Return the upright and the stored size of an image, and whether its EXIF orientation turns or mirrors it."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            stored = image.size
            orientation = image.getexif().get(_ORIENTATION)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            f"{path.name}: expected a PNG, JPEG or WebP image ({error}). Save it again, or remove it."
        ) from error
    upright = stored[::-1] if orientation in _ROTATED else stored
    return upright, stored, orientation in _TURNED


class ImageFinder:
    """Finds image files by the path or name that an annotation has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._others = files_in(root, *OTHER_SUFFIXES)
        self._by_name: dict[str, list[Path]] = {}
        for path in files_in(root, *IMAGE_SUFFIXES):
            self._by_name.setdefault(_key(path.name), []).append(path)

    @property
    def all(self) -> list[Path]:
        return [path for paths in self._by_name.values() for path in paths]

    @property
    def others(self) -> list[Path]:
        """The images of formats that cannot be read."""
        return self._others

    def find(self, name: str) -> Path | None:
        """Return the image of an annotated name, or None. More equal folders at the end of the path are better.

        A name that fits no image may be percent-encoded. Raises `InvalidInput` if several images fit equally.
        """
        plain = unquote(name)
        return self._find(name) or (self._find(plain) if plain != name else None)

    def _find(self, name: str) -> Path | None:
        wanted = [_key(part) for part in PurePosixPath(name.replace("\\", "/")).parts]
        if not wanted:
            return None
        matches = [(self._common(path, wanted), path) for path in self._by_name.get(wanted[-1], [])]
        if not matches:
            self._check_suffix(wanted[-1])
            return None
        best = max(common for common, _ in matches)
        paths = [path for common, path in matches if common == best]
        if len(paths) > 1:
            raise InvalidInput(
                f"'{name}' can be {self.shown(paths[0])} or {self.shown(paths[1])}. Rename one, or give the right"
                " folder with --images."
            )
        return paths[0]

    def shown(self, path: Path) -> str:
        """Return a path for messages."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    def _common(self, path: Path, wanted: Sequence[str]) -> int:
        """Return how many parts at the end of both paths are equal."""
        parts = [_key(part) for part in path.relative_to(self.root).parts]
        count = 0
        for one, other in zip(reversed(parts), reversed(wanted), strict=False):
            if one != other:
                break
            count += 1
        return count

    def _check_suffix(self, name: str) -> None:
        if any(_key(path.name) == name for path in self._others):
            raise InvalidInput(
                f"'{name}' is not PNG, JPEG or WebP. Save it as PNG with the same size."
            )


def by_stem(paths: Sequence[Path], what: str) -> dict[str, Path]:
    """Return files by name without suffix. Raises `InvalidInput` for two of one name."""
    result: dict[str, Path] = {}
    for path in paths:
        other = result.setdefault(_key(path.stem), path)
        if other is not path:
            raise InvalidInput(
                f"two {what} have the name '{path.stem}': {other} and {path}. Rename one with its label."
            )
    return result


def _key(name: str) -> str:
    """Return a name in Unicode form C: macOS decomposes letters."""
    return unicodedata.normalize("NFC", name)
