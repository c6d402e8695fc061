"""Promises of the archive walker: nothing that points out, links, lies or swells gets through."""

import bz2
import errno
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.decoding.archives import archive
from app.decoding.archives.archive import unpack
from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused
from tests.app.uploading import zipped

LIMITS = DecodeLimits(
    memory_bytes=2**31,
    cpu_seconds=10,
    max_images=10,
    max_image_pixels=10_000,
    max_labelset_pixels=100_000,
    max_archive_entries=3,
    max_archive_bytes=50_000_000,
    max_archive_ratio=100,
    max_json_bytes=100_000,
    max_coco_bytes=100_000,
    max_coco_annotations=5,
    max_coco_vertices=1_000,
    max_coco_drawn_pixels=100_000,
)

Unpack = Callable[[bytes], dict[str, Path]]

_MiB = 1024 * 1024
_GZIP = 31
"""zlib's word for a gzip stream with the largest window."""


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpack:
    """Unpacks the bytes of an archive."""

    def run(data: bytes) -> dict[str, Path]:
        archive = tmp_path / "archive"
        archive.write_bytes(data)
        shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
        return unpack(archive, tmp_path / "unpacked", LIMITS)

    return run


def tarred(*members: tarfile.TarInfo, mode: str = "w") -> bytes:
    """A tar of the members, each with as many zeros as it says."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload] # any
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def member(name: str, size: int = 3, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """One entry of a tar."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.linkname = "/etc/passwd"
    return info


def test_a_zip_gives_its_files(unpacked: Unpack) -> None:
    """Every file is there under its name, with its bytes; folders are not files."""
    found = unpacked(zipped({"images/": b"", "images/a.png": b"1", "b": b"2"}))
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "images/a.png": b"1",
        "b": b"2",
    }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_gives_its_files(unpacked: Unpack, mode: str) -> None:
    """Tars are read plain and in each usual compression, with or without a leading `./`."""
    data = tarred(member("./images/a.png"), member("images", 0, tarfile.DIRTYPE), mode=mode)
    assert list(unpacked(data)) == ["images/a.png"]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up", "a/../../up", "a//b", "a/./b", "a\\b", "C:/x", "a\x01b"]
)
def test_names_that_are_no_plain_paths_are_refused(unpacked: Unpack, name: str) -> None:
    """A name that points out of the archive or hides something is refused, in a zip and in a tar."""
    with pytest.raises(Refused, match="not a plain relative path"):
        unpacked(tarred(member(name)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(unpacked: Unpack, kind: bytes) -> None:
    """Only plain files and folders are taken."""
    with pytest.raises(Refused, match="link or a device"):
        unpacked(tarred(member("a", 0, kind)))


def test_links_in_a_zip_are_refused(unpacked: Unpack) -> None:
    """A zip can hold links too, by the mode of an entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Refused, match="link or a device"):
        unpacked(buffer.getvalue())


def test_a_bomb_is_stopped_by_its_ratio(unpacked: Unpack) -> None:
    """An archive that swells too much is refused while it is read, before it fills the disk."""
    with pytest.raises(Refused, match="unpacks to more than 6553600 bytes"):
        unpacked(zipped({"images/a.png": bytes(20_000_000)}))


def test_a_gigabyte_in_a_compressed_tar_is_stopped(unpacked: Unpack, tmp_path: Path) -> None:
    """A megabyte that unpacks to a thousand: no more of it reaches the disk than the limit allows."""
    compressor = zlib.compressobj(wbits=_GZIP)
    head = compressor.compress(member("images/a.png", 1024 * _MiB).tobuf())
    head += compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the stream has no memory, so one piece of it can be repeated.
    piece = compressor.compress(bytes(_MiB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(Refused, match="unpacks to more than"):
        unpacked(head + 1024 * piece)
    written = sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir())
    assert written <= LIMITS.max_archive_bytes


def test_too_many_entries_are_refused(unpacked: Unpack) -> None:
    """The number of entries has a limit, folders included."""
    with pytest.raises(Refused, match="more than 3 entries"):
        unpacked(zipped({f"{number}/": b"" for number in range(4)}))


def test_a_name_that_comes_twice_is_refused(unpacked: Unpack) -> None:
    """Which of the two would count is not guessed."""
    with pytest.raises(Refused, match="twice"):
        unpacked(tarred(member("a"), member("a")))


def test_an_encrypted_zip_is_refused(unpacked: Unpack) -> None:
    """A file behind a password is named, with what to do."""
    data = bytearray(zipped({"a": b"1"}))
    data[6] |= 1  # the flag in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the central directory
    with pytest.raises(Refused, match="without a password"):
        unpacked(bytes(data))


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 and then nothing"])
def test_what_is_no_archive_is_refused(unpacked: Unpack, data: bytes) -> None:
    """Other bytes are refused with what was expected."""
    with pytest.raises(Refused, match="zip or tar"):
        unpacked(data)


def test_a_damaged_archive_is_refused(unpacked: Unpack) -> None:
    """An archive whose bytes do not add up is refused, not half taken."""
    data = bytearray(zipped({"a": bytes(range(256)) * 40}))
    data[60:80] = bytes(20)
    with pytest.raises(
        Refused, match="not readable as an entry of the archive: Bad CRC"
    ) as refused:
        unpacked(bytes(data))
    assert refused.value.file == "a"


@pytest.mark.parametrize("num_bytes_more", [-1, 0, 100])
def test_a_tar_that_ends_too_early_is_refused(unpacked: Unpack, num_bytes_more: int) -> None:
    """A cut inside, before or behind an entry is damage: the labelset would be short of what came after it."""
    whole = tarred(member("a"), member("b"))
    with pytest.raises(Refused, match="damaged"):
        unpacked(gzip.compress(whole[: 2 * tarfile.BLOCKSIZE + num_bytes_more]))


def test_a_damaged_entry_does_not_end_a_tar(unpacked: Unpack) -> None:
    """A broken header in the middle is refused; what lies behind it is not passed over."""
    data = bytearray(tarred(member("a"), member("b")))
    data[2 * tarfile.BLOCKSIZE] ^= 1
    with pytest.raises(Refused, match="damaged"):
        unpacked(bytes(data))


def test_a_full_disk_is_not_the_archives_fault(
    unpacked: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there is no room to unpack, the archive is not called damaged."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(archive, "_write", fail)
    with pytest.raises(OSError, match="no room"):
        unpacked(zipped({"a": b"1"}))


def header_bomb(kind: bytes, size: int = 40 * _MiB) -> bytes:
    """A tar whose first entry's name, record or map is `size` bytes long, in few bytes."""
    info = member("x", size, kind)
    return gzip.compress(
        info.tobuf(tarfile.GNU_FORMAT) + bytes(size) + bytes(2 * tarfile.BLOCKSIZE)
    )


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    ],
)
def test_a_header_is_not_read_into_memory_beyond_a_limit(unpacked: Unpack, kind: bytes) -> None:
    """A long name or a PAX record of 40 MiB is refused after 1 MiB."""
    bomb = header_bomb(kind)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="headers take more than 1048576 bytes for one entry"):
            unpacked(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 * _MiB
    finally:
        tracemalloc.stop()


def test_a_sparse_map_is_not_read_into_memory_beyond_a_limit(unpacked: Unpack) -> None:
    """A map of millions of holes is refused before it is a list."""
    info = member("x", 30 * _MiB)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    holes = b"9000000\n" + b"0\n" * (info.size // 2 - 4)
    data = info.tobuf(tarfile.PAX_FORMAT) + holes + bytes(2 * tarfile.BLOCKSIZE)
    with pytest.raises(Refused, match="headers take more than"):
        unpacked(gzip.compress(data))


def test_litter_of_any_size_is_no_header(unpacked: Unpack) -> None:
    """Entries that are passed over do not count as headers of the next."""
    assert list(unpacked(tarred(member("._a", 3 * _MiB), member("a")))) == ["a"]


@pytest.mark.parametrize("place", [-8, -4])
def test_a_gzip_with_a_wrong_checksum_is_refused(unpacked: Unpack, place: int) -> None:
    """The sum of the content, or its length."""
    data = bytearray(gzip.compress(tarred(member("a"))))
    data[place] ^= 1
    with pytest.raises(Refused, match="damaged"):
        unpacked(bytes(data))


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_a_stream_with_something_behind_it_is_refused(
    unpacked: Unpack, compress: Callable[[bytes], bytes]
) -> None:
    """Or one that ends too early."""
    whole = compress(tarred(member("a")))
    assert set(unpacked(whole)) == {"a"}
    for data in (whole + b"more", whole[:-4]):
        with pytest.raises(Refused, match="damaged"):
            unpacked(data)


def test_an_xz_that_wants_much_memory_is_refused_as_such(unpacked: Unpack) -> None:
    """A dictionary of 400 MiB is a real limit, and is named as one."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 400 * _MiB}]
    data = lzma.compress(tarred(member("a")), filters=filters)
    with pytest.raises(Refused, match="xz takes more than 104857600 bytes"):
        unpacked(data)


@pytest.mark.parametrize(
    ("method", "said"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")]
)
def test_an_unusual_compression_of_a_zip_is_named(unpacked: Unpack, method: int, said: str) -> None:
    """The refusal speaks of the method, not of limits."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        target.writestr("a", b"1" * 100)
    with pytest.raises(Refused, match=f"compressed with {said}") as refused:
        unpacked(buffer.getvalue())
    assert refused.value.file == "a"


def test_a_zip_with_a_huge_directory_is_refused_before_it_is_read(unpacked: Unpack) -> None:
    """Its size is written at the end; the library would read it whole."""
    with pytest.raises(Refused, match="more than 3 entries"):
        unpacked(zipped({str(number): b"" for number in range(9)}))
    data = bytearray(zipped({"a": b"1"}))
    struct.pack_into("<L", data, len(data) - 10, 2**31)
    with pytest.raises(Refused, match="directory takes more than 131072 bytes"):
        unpacked(bytes(data))


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """A zip whose entry has other bytes as its name, with no word of their encoding."""
    assert len(old) == len(new)
    return data.replace(old, new)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Zoë_é".encode(), "Zoë_é"),
        ("日本".encode(), "日本"),
        ("Zoë".encode("cp437"), "Zoë"),
        (b"masks\\a.png", "masks/a.png"),
        (unicodedata.normalize("NFD", "Zoë").encode(), "Zoë"),
    ],
)
def test_names_of_a_zip_are_read_by_their_bytes(unpacked: Unpack, raw: bytes, name: str) -> None:
    """What is valid UTF-8 is UTF-8, other bytes are code page 437; letters are composed."""
    plain = b"n" * len(raw)
    assert list(unpacked(renamed(zipped({plain.decode(): b"1"}), plain, raw))) == [name]


def test_a_tar_name_that_is_no_utf_8_is_refused_by_name(unpacked: Unpack) -> None:
    """The flaw can be written as JSON: the bytes are shown as escapes."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as target:
        target.addfile(member("images/Zo\xeb.png"), io.BytesIO(b"123"))
    with pytest.raises(Refused, match="not UTF-8") as refused:
        unpacked(buffer.getvalue())
    assert refused.value.flaw.model_dump_json()
    assert refused.value.file == "images/Zo\\udceb.png"


def test_a_name_has_a_limit_of_length(unpacked: Unpack) -> None:
    """A name of 60 kB is shown cut."""
    with pytest.raises(Refused, match="longer than 1000 characters") as refused:
        unpacked(zipped({"n" * 60_000: b"1"}))
    assert len(refused.value.file or "") == 200
