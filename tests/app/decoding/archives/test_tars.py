"""Tests of the tar reader."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.decoding.refusal import Refused
from tests.app.decoding.archives.tarring import MiB, Unpack, header_bomb, member, tarred
from tests.app.decoding.limits import LIMITS

_GZIP = 31
"""zlib's `wbits` for a gzip stream with the largest window."""


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_gives_its_files(unpacked: Unpack, mode: str) -> None:
    """Tars are read plain and in each usual compression, with or without a leading `./`."""
    data = tarred(member("./images/a.png"), member("images", 0, tarfile.DIRTYPE), mode=mode)
    assert list(unpacked(data)) == ["images/a.png"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(unpacked: Unpack, kind: bytes) -> None:
    """Only regular files and folders are accepted."""
    with pytest.raises(Refused, match="link or device"):
        unpacked(tarred(member("a", 0, kind)))


def test_a_gigabyte_in_a_compressed_tar_is_stopped(unpacked: Unpack, tmp_path: Path) -> None:
    """1 MB that unpacks to 1 GB is stopped before more than the limit is written to disk."""
    compressor = zlib.compressobj(wbits=_GZIP)
    head = compressor.compress(member("images/a.png", 1024 * MiB).tobuf())
    head += compressor.flush(zlib.Z_FULL_FLUSH)
    # A full flush resets the compressor's state, so the next piece can be repeated.
    piece = compressor.compress(bytes(MiB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(Refused, match="unpacks to at most"):
        unpacked(head + 1024 * piece)
    written = sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir())
    assert written <= LIMITS.max_archive_bytes


@pytest.mark.parametrize("num_bytes_more", [-1, 0, 100])
def test_a_truncated_tar_is_refused(unpacked: Unpack, num_bytes_more: int) -> None:
    """A cut inside, before or after an entry is damage, because later entries would be missing."""
    whole = tarred(member("a"), member("b"))
    with pytest.raises(Refused, match="damaged"):
        unpacked(gzip.compress(whole[: 2 * tarfile.BLOCKSIZE + num_bytes_more]))


def test_a_damaged_entry_does_not_end_a_tar(unpacked: Unpack) -> None:
    """A damaged header in the middle is refused; the entries after it are not ignored."""
    data = bytearray(tarred(member("a"), member("b")))
    data[2 * tarfile.BLOCKSIZE] ^= 1
    with pytest.raises(Refused, match="damaged"):
        unpacked(bytes(data))


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
def test_the_size_of_a_header_is_limited(unpacked: Unpack, kind: bytes) -> None:
    """A name or PAX record of 40 MiB is refused after 1 MiB."""
    bomb = header_bomb(kind)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="headers of at most 1048576 bytes per entry"):
            unpacked(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 * MiB
    finally:
        tracemalloc.stop()


def test_the_size_of_a_sparse_map_is_limited(unpacked: Unpack) -> None:
    """A sparse map of millions of holes is refused before it is parsed."""
    info = member("x", 30 * MiB)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    holes = b"9000000\n" + b"0\n" * (info.size // 2 - 4)
    data = info.tobuf(tarfile.PAX_FORMAT) + holes + bytes(2 * tarfile.BLOCKSIZE)
    with pytest.raises(Refused, match="headers of at most"):
        unpacked(gzip.compress(data))


def test_ignored_entries_do_not_count_as_headers(unpacked: Unpack) -> None:
    """The bytes of an ignored entry do not count as headers of the next one."""
    assert list(unpacked(tarred(member("._a", 3 * MiB), member("a")))) == ["a"]


@pytest.mark.parametrize("index", [-8, -4])
def test_a_gzip_with_a_wrong_checksum_is_refused(unpacked: Unpack, index: int) -> None:
    """A wrong CRC or a wrong length is damage."""
    data = bytearray(gzip.compress(tarred(member("a"))))
    data[index] ^= 1
    with pytest.raises(Refused, match="damaged"):
        unpacked(bytes(data))


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_a_stream_with_trailing_bytes_is_refused(
    unpacked: Unpack, compress: Callable[[bytes], bytes]
) -> None:
    """So is a stream that ends early."""
    whole = compress(tarred(member("a")))
    assert set(unpacked(whole)) == {"a"}
    for data in (whole + b"more", whole[:-4]):
        with pytest.raises(Refused, match="damaged"):
            unpacked(data)


def test_the_memory_of_an_xz_is_limited(unpacked: Unpack) -> None:
    """An xz with a dictionary of 400 MiB is refused with the memory limit."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 400 * MiB}]
    data = lzma.compress(tarred(member("a")), filters=filters)
    with pytest.raises(Refused, match="xz needs more than 104857600 bytes"):
        unpacked(data)


def test_a_name_that_is_not_utf_8_is_refused(unpacked: Unpack) -> None:
    """The flaw is valid JSON, because the bytes are shown as escapes."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as target:
        target.addfile(member("images/Zo\xeb.png"), io.BytesIO(b"123"))
    with pytest.raises(Refused, match="Expected a UTF-8 name") as refused:
        unpacked(buffer.getvalue())
    assert refused.value.flaw.model_dump_json()
    assert refused.value.file == "images/Zo\\udceb.png"
