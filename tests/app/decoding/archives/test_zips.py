"""Tests of the zip reader."""

import io
import stat
import struct
import unicodedata
import zipfile

import pytest

from app.decoding.refusal import Refused
from tests.app.decoding.archives.tarring import Unpack
from tests.app.uploading import zipped


def test_a_zip_gives_its_files(unpacked: Unpack) -> None:
    """Every file is unpacked with its name and bytes; folders are left out."""
    files = unpacked(zipped({"images/": b"", "images/a.png": b"1", "b": b"2"}))
    assert {name: path.read_bytes() for name, path in files.items()} == {
        "images/a.png": b"1",
        "b": b"2",
    }


def test_links_in_a_zip_are_refused(unpacked: Unpack) -> None:
    """A zip can contain links, by the mode of an entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Refused, match="link or device"):
        unpacked(buffer.getvalue())


def test_an_encrypted_zip_is_refused(unpacked: Unpack) -> None:
    """The refusal names the encrypted file and the remedy."""
    data = bytearray(zipped({"a": b"1"}))
    data[6] |= 1  # the flag in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the central directory
    with pytest.raises(Refused, match="without a password"):
        unpacked(bytes(data))


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")]
)
def test_an_unsupported_compression_is_refused_by_name(
    unpacked: Unpack, method: int, name: str
) -> None:
    """The refusal names the compression method."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        target.writestr("a", b"1" * 100)
    with pytest.raises(Refused, match=f"got {name}") as refused:
        unpacked(buffer.getvalue())
    assert refused.value.file == "a"


def test_the_directory_of_a_zip_is_limited(unpacked: Unpack) -> None:
    """Its size at the end of the file is checked first, because zipfile reads it whole."""
    with pytest.raises(Refused, match="at most 3 entries"):
        unpacked(zipped({str(number): b"" for number in range(9)}))
    data = bytearray(zipped({"a": b"1"}))
    struct.pack_into("<L", data, len(data) - 10, 2**31)
    with pytest.raises(Refused, match="directory of at most 131072 bytes"):
        unpacked(bytes(data))


def with_zip64_end(data: bytes, *, num_directory_bytes: int | None = None) -> bytes:
    """Return a zip with a zip64 record at its end, as some tools write for every zip."""
    start = data.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HLL", data, start + 10)
    size = num_directory_bytes or size
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start, 1)
    full = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    return data[:start] + record + locator + full


def test_a_zip64_record_is_read(unpacked: Unpack) -> None:
    """Its sizes replace those of the end record, which are at their maximum; the limits are those of every zip."""
    data = zipped({"a": b"1"})
    assert list(unpacked(with_zip64_end(data))) == ["a"]
    with pytest.raises(Refused, match="at most 131072 bytes, got 1099511627776"):
        unpacked(with_zip64_end(data, num_directory_bytes=2**40))
    with pytest.raises(Refused, match="at most 3 entries"):
        unpacked(with_zip64_end(zipped({str(number): b"" for number in range(9)})))


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a zip whose entry has other bytes as its name, without the UTF-8 flag."""
    assert len(old) == len(new)
    return data.replace(old, new)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Zoë_é".encode(), "Zoë_é"),
        ("日本".encode(), "日本"),
        ("Zoë".encode("cp437"), "Zoë"),
        (b"masks\\a.png", "masks/a.png"),
        (b"./masks/a.png", "masks/a.png"),
        (unicodedata.normalize("NFD", "Zoë").encode(), "Zoë"),
    ],
)
def test_the_encoding_of_names_is_detected(unpacked: Unpack, raw: bytes, name: str) -> None:
    """Valid UTF-8 is UTF-8, other bytes are code page 437; names are returned in NFC."""
    plain = b"n" * len(raw)
    assert list(unpacked(renamed(zipped({plain.decode(): b"1"}), plain, raw))) == [name]
