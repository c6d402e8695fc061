"""A file from a link: resumed, verified, there whole or not at all."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from handsoff_client import ChecksumMismatch, Gone, ShardCache, Unreachable
from handsoff_client.http.downloads import download
from tests.client.conftest import Service, problem

DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()
LOST = httpx2.ReadError("the line went dead", request=httpx2.Request("GET", "http://service/file"))


class Breaking(httpx2.SyncByteStream):
    """A body that breaks off after some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise LOST


def part(data: bytes) -> httpx2.Response:
    """The range that was asked for."""
    return httpx2.Response(206, stream=httpx2.ByteStream(data))


def fetch(service: Service, target: Path, *, attempts: int = 3) -> Path:
    """Downloads the file of these tests."""
    return download(
        service.client(attempts=attempts).transport,
        "http://service/file?old",
        target,
        sha256=SHA256,
        num_bytes=len(DATA),
        renew=lambda: "http://service/file?new",
    )


def test_a_broken_download_goes_on_by_range(service: Service, tmp_path: Path) -> None:
    """Nothing is asked for twice."""
    service.answers = [httpx2.Response(206, stream=Breaking(DATA[:5_000])), part(DATA[5_000:])]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA
    assert [request.headers["Range"] for request in service.asked] == ["bytes=0-", "bytes=5000-"]


def test_what_another_run_has_left_is_continued(service: Service, tmp_path: Path) -> None:
    """The part on disk is the beginning."""
    (tmp_path / "file.part").write_bytes(DATA[:9_000])
    service.answers = [part(DATA[9_000:])]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA


def test_a_server_without_ranges_is_read_from_the_start(service: Service, tmp_path: Path) -> None:
    """It answers 200 with all of it."""
    (tmp_path / "file.part").write_bytes(b"some")
    service.answers = [httpx2.Response(200, stream=httpx2.ByteStream(DATA))]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA


def test_other_bytes_than_promised_are_refused(service: Service, tmp_path: Path) -> None:
    """And nothing of them is left, so the next try begins anew."""
    service.answers = [part(DATA[::-1])]
    with pytest.raises(ChecksumMismatch, match="was promised"):
        fetch(service, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_has_expired_is_asked_for_anew(service: Service, tmp_path: Path) -> None:
    """Links are good for minutes, downloads may take longer."""
    service.answers = [problem(403, "invalid_link"), part(DATA)]
    fetch(service, tmp_path / "file")
    assert [request.url.query for request in service.asked] == [b"old", b"new"]


def test_a_file_that_is_gone_is_told_at_once(service: Service, tmp_path: Path) -> None:
    """Asking again would not bring it back."""
    service.answers = [problem(410, "deleted")]
    with pytest.raises(Gone):
        fetch(service, tmp_path / "file")


def test_tries_have_an_end_but_progress_begins_them_anew(service: Service, tmp_path: Path) -> None:
    """A bad line that moves is not given up; one that brings nothing is."""
    moving = [httpx2.Response(206, stream=Breaking(DATA[i : i + 10])) for i in range(0, 50, 10)]
    service.answers = [*moving, LOST, LOST]
    with pytest.raises(Unreachable):
        fetch(service, tmp_path / "file", attempts=3)
    assert (tmp_path / "file.part").read_bytes() == DATA[:50]
    assert not (tmp_path / "file").exists()


def test_the_cache_fetches_a_shard_once(tmp_path: Path) -> None:
    """By digest, whoever asks."""
    fetched: list[Path] = []

    def bring(target: Path) -> Path:
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(DATA)
        fetched.append(target)
        return target

    for _ in range(2):
        assert ShardCache(tmp_path).path(SHA256, bring).read_bytes() == DATA
    assert len(fetched) == 1


def test_the_cache_makes_room_for_the_newest(tmp_path: Path) -> None:
    """What was used longest ago goes first."""
    cache = ShardCache(tmp_path, max_bytes=25)

    def bring(target: Path) -> Path:
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(b"0123456789")
        return target

    first = cache.path("a", bring)
    cache.path("b", bring)
    cache.assign("second", "b")
    cache.path("a", bring)
    cache.path("c", bring)
    assert first.exists()
    assert not first.with_name("b.tar").exists()
    assert list((tmp_path / "names").iterdir()) == []  # its note went with it
