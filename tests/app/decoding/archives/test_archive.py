"""Tests of unpacking an archive: limits, names and damage."""

import errno
import gzip

import pytest

from app.decoding.archives import archive
from app.decoding.refusal import Refused
from tests.app.decoding.archives.tarring import Unpack, member, tarred
from tests.app.uploading import zipped


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up", "a/../../up", "a//b", "a/./b", "a\\b", "C:/x"]
)
def test_names_that_are_not_plain_paths_are_refused(unpacked: Unpack, name: str) -> None:
    """A name that points outside the archive is refused."""
    with pytest.raises(Refused, match="Expected a plain relative path"):
        unpacked(tarred(member(name)))


@pytest.mark.parametrize("character", ["\n", "\x01", "\u200e", "\u202e", "\ufeff"])
def test_invisible_characters_in_names_are_refused(unpacked: Unpack, character: str) -> None:
    """The refusal has the number of the character, because it cannot be seen."""
    with pytest.raises(Refused, match=f"invisible characters, got U\\+{ord(character):04X}"):
        unpacked(tarred(member(f"images/a{character}.png")))


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 9.41\u202fAM.png",
        "a\u00a0b.png",
        "\u0645\u06cc\u200c\u062e.png",
        "\U0001f469\u200d\U0001f467.png",
    ],
)
def test_names_of_other_scripts_are_accepted(unpacked: Unpack, name: str) -> None:
    """Screenshots of macOS have a narrow space in their names; Persian and emoji have joiners."""
    assert list(unpacked(tarred(member(name)))) == [name]


@pytest.mark.parametrize(
    "name",
    ["Thumbs.db", "images/thumbs.db", "Desktop.ini", ".DS_STORE", "images/a.png:Zone.Identifier"],
)
def test_system_files_are_left_out_in_any_case(unpacked: Unpack, name: str) -> None:
    """Windows writes their names in several cases."""
    assert list(unpacked(tarred(member(name), member("a")))) == ["a"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x28\xb5\x2f\xfd" + bytes(50), "Zstandard data"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive"),
        (gzip.compress(b"{}" * 600), "a gzip file without a tar"),
        (b"<!DOCTYPE html>", "an HTML or XML text"),
        (b"", "an empty file"),
    ],
    ids=["zstd", "7z", "gzip", "html", "empty"],
)
def test_another_kind_of_file_is_named(unpacked: Unpack, data: bytes, kind: str) -> None:
    """The refusal says what the file is, if its first bytes tell."""
    with pytest.raises(Refused, match=f"Expected a zip or tar, got {kind}"):
        unpacked(data)


def test_a_bomb_is_stopped_by_its_ratio(unpacked: Unpack) -> None:
    """An archive that unpacks to too many bytes is refused while it is read, before it fills the disk."""
    with pytest.raises(Refused, match="unpacks to at most 6553600 bytes"):
        unpacked(zipped({"images/a.png": bytes(20_000_000)}))


def test_too_many_entries_are_refused(unpacked: Unpack) -> None:
    """The number of entries is limited, including folders."""
    with pytest.raises(Refused, match="at most 3 entries"):
        unpacked(zipped({f"{number}/": b"" for number in range(4)}))


def test_a_repeated_name_is_refused(unpacked: Unpack) -> None:
    """Two entries of one name are ambiguous."""
    with pytest.raises(Refused, match="twice"):
        unpacked(tarred(member("a"), member("a")))


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 and then nothing"])
def test_a_file_that_is_no_archive_is_refused(unpacked: Unpack, data: bytes) -> None:
    """The refusal names the accepted archives."""
    with pytest.raises(Refused, match="zip or tar"):
        unpacked(data)


def test_a_damaged_archive_is_refused(unpacked: Unpack) -> None:
    """A wrong checksum makes the archive invalid."""
    data = bytearray(zipped({"a": bytes(range(256)) * 40}))
    data[60:80] = bytes(20)
    with pytest.raises(Refused, match=r"Expected an entry of the archive, .*: Bad CRC") as refused:
        unpacked(bytes(data))
    assert refused.value.file == "a"


def test_a_full_disk_is_not_reported_as_damage(
    unpacked: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a full disk is raised unchanged."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(archive, "_write", fail)
    with pytest.raises(OSError, match="no room"):
        unpacked(zipped({"a": b"1"}))


def test_the_length_of_a_name_is_limited(unpacked: Unpack) -> None:
    """The refusal shows the start of a name of 60 kB."""
    with pytest.raises(Refused, match="at most 1000 characters, got 60000") as refused:
        unpacked(zipped({"n" * 60_000: b"1"}))
    assert len(refused.value.file or "") == 200
