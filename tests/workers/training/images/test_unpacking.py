"""Archives of images are unpacked within limits; hostile ones are refused with a remedy."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.training.image_archives import image_files, tarred, zipped
from workers.training.images.unpacking import UnpackLimits, unpack
from workers.training.training_options import InputError

LIMITS = UnpackLimits(max_images=20, max_bytes=100_000)


def unpacked(tmp_path: Path, data: bytes, limits: UnpackLimits = LIMITS) -> tuple[set[str], int]:
    """Unpack an archive; return the paths of the images and the number of other files."""
    (tmp_path / "archive").write_bytes(data)
    folder = tmp_path / "out"
    folder.mkdir()
    others = unpack(tmp_path / "archive", folder, limits)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return files, others


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w")])
def test_images_keep_their_paths(tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    """Hidden files, those of macOS and files that are no images are left out and counted."""
    files = {
        **image_files(2),
        "b/UPPER.JPG": b"x",
        "notes.txt": b"x",
        ".hidden/c.png": b"x",
        "__MACOSX/images/._00.png": b"x",
    }
    names, others = unpacked(tmp_path, pack(files))
    assert names == {"images/00.png", "images/01.png", "b/UPPER.JPG"}
    assert others == 3


@pytest.mark.parametrize(
    ("raw", "name"),
    [("Zo\u00eb".encode(), "Zo\u00eb"), ("日本".encode(), "日本"), (b"\x89", "\u00eb")],
)
def test_the_encoding_of_names_is_detected(tmp_path: Path, raw: bytes, name: str) -> None:
    """Valid UTF-8 is UTF-8, other bytes are code page 437: the labels of an image must find it by its name."""
    plain = b"~" * len(raw)
    names, _ = unpacked(tmp_path, zipped({f"{plain.decode()}.png": b"x"}).replace(plain, raw))
    assert names == {f"{name}.png"}


def linked() -> bytes:
    """Return a tar with a link out of the folder and an image."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        entry = tarfile.TarInfo("link.png")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(entry)
    return archive.getvalue()


def locked() -> bytes:
    """Return a zip whose entry claims a password."""
    data = bytearray(zipped({"a.png": b"x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def twice() -> bytes:
    """Return a tar with two files of one name."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        for _ in range(2):
            entry = tarfile.TarInfo("a.png")
            entry.size = 1
            file.addfile(entry, io.BytesIO(b"x"))
    return archive.getvalue()


def misnamed() -> bytes:
    """Return a zip with a name that claims to be UTF-8 and is not."""
    return zipped({"ä.png": b"x"}).replace("ä".encode(), b"\xff\xfe")


def scrambled(pack: Callable[[dict[str, bytes]], bytes]) -> bytes:
    """Return an archive with damaged compressed data."""
    data = bytearray(pack(image_files(3)))
    data[43:53] = b"\xff" * 10
    return bytes(data)


REFUSED: dict[str, tuple[bytes, str]] = {
    "no archive": (b"not an archive", "expected a zip or tar archive of images"),
    "an empty file": (b"", "expected a zip or tar archive of images"),
    "no image": (zipped({"notes.txt": b"x"}), "found none among 1 files"),
    "only links": (linked(), "found none among 0 files"),
    "a path out of the folder": (zipped({"../a.png": b"x"}), "expected paths inside the archive"),
    "an absolute path": (tarred({"/etc/a.png": b"x"}), "expected paths inside the archive"),
    "a path of Windows": (zipped({"..\\..\\a.png": b"x"}), "expected paths inside the archive"),
    "a long name": (zipped({"n" * 300 + ".png": b"x"}), "expected names of at most 200 bytes"),
    "a name twice": (twice(), "expected different names"),
    "a file and a folder of one name": (
        zipped({"a.png": b"x", "a.png/b.png": b"x"}),
        "lies below a file",
    ),
    "a password": (locked(), "has a password"),
    "too many images": (zipped({f"{k}.png": b"x" for k in range(21)}), "at most 20 images"),
    "a bomb": (zipped({"a.png": b"\0" * 200_000}), "at most 100,000 bytes"),
    "too many folders": (zipped({"d/" * 20 + "a.png": b"x"}), "at most 20 folders"),
    "a name that is no text": (misnamed(), "damaged"),
    "a scrambled zip": (scrambled(zipped), "damaged"),
    "a scrambled zip of bzip2": (
        scrambled(lambda files: zipped(files, zipfile.ZIP_BZIP2)),
        "damaged",
    ),
    "a cut zip": (zipped(image_files(3))[:-30], "archive"),
    "a cut tar": (tarred(image_files(3), "w")[:700], "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_archives_are_refused(tmp_path: Path, case: str) -> None:
    """The message says what was expected and what to do; no file is written outside the folder."""
    data, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        unpacked(tmp_path, data)
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "out"}


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    """The images beside the inner zip are unpacked, not those inside it."""
    inner = zipped({"inner.png": b"x"}, zipfile.ZIP_STORED)
    names, others = unpacked(tmp_path, tarred({"a.png": b"x", "b.zip": inner}, "w"))
    assert (names, others) == ({"a.png"}, 1)


def test_names_of_a_tar_in_an_old_encoding_become_text(tmp_path: Path) -> None:
    """A Latin-1 letter becomes the replacement character, so that a report can name the file."""
    names, _ = unpacked(tmp_path, tarred({"caf\udce9.png": b"x"}, "w"))
    assert names == {"caf\ufffd.png"}


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    """The checksum of a zip's member is checked."""
    data = bytearray(zipped({"a.png": b"some pixels"}, zipfile.ZIP_STORED))
    data[data.index(b"pixels")] ^= 1
    with pytest.raises(InputError, match="damaged"):
        unpacked(tmp_path, bytes(data))
