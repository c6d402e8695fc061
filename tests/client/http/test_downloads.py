"""Downloads of a link: resumed, verified, atomic. And the cache of shards."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from handsoff_client import ChecksumMismatch, Gone, InvalidLink, ShardCache, Unreachable
from handsoff_client.http.downloads import download
from tests.client.conftest import Service, problem

DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()
LOST = httpx2.ReadError("connection lost", request=httpx2.Request("GET", "http://service/file"))


class Breaking(httpx2.SyncByteStream):
    """A body that is interrupted after some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise LOST


def part(data: bytes) -> httpx2.Response:
    """Return an answer with the requested range."""
    return httpx2.Response(206, stream=httpx2.ByteStream(data))


def fetch(service: Service, target: Path, *, attempts: int | None = 3) -> Path:
    """Download the file of these tests."""
    return download(
        service.client(attempts=attempts).transport,
        "http://service/file?old",
        target,
        sha256=SHA256,
        num_bytes=len(DATA),
        renew=lambda: "http://service/file?new",
    )


def test_an_interrupted_download_continues_with_range(service: Service, tmp_path: Path) -> None:
    """No byte is requested twice."""
    service.answers = [httpx2.Response(206, stream=Breaking(DATA[:5_000])), part(DATA[5_000:])]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA
    assert [request.headers["Range"] for request in service.requests] == ["bytes=0-", "bytes=5000-"]


def test_a_partial_download_of_another_run_is_continued(service: Service, tmp_path: Path) -> None:
    """The partial file is the beginning."""
    (tmp_path / "file.part").write_bytes(DATA[:9_000])
    service.answers = [part(DATA[9_000:])]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA


def test_a_server_without_ranges_is_read_from_the_start(service: Service, tmp_path: Path) -> None:
    """It answers 200 with the complete file."""
    (tmp_path / "file.part").write_bytes(b"some")
    service.answers = [httpx2.Response(200, stream=httpx2.ByteStream(DATA))]
    assert fetch(service, tmp_path / "file").read_bytes() == DATA


def test_another_digest_is_refused(service: Service, tmp_path: Path) -> None:
    """The file is deleted, so the next download starts from the beginning."""
    service.answers = [part(DATA[::-1])]
    with pytest.raises(ChecksumMismatch, match="expected SHA-256"):
        fetch(service, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_an_expired_link_is_renewed(service: Service, tmp_path: Path) -> None:
    """Links are valid for minutes, downloads may take longer."""
    service.answers = [problem(403, "invalid_link"), part(DATA)]
    fetch(service, tmp_path / "file")
    assert [request.url.query for request in service.requests] == [b"old", b"new"]


def test_links_that_are_all_refused_end_the_download(service: Service, tmp_path: Path) -> None:
    """The server's clock or secret is wrong: a few links are tried, with pauses, not as many as fit in minutes."""
    service.answers = [problem(403, "invalid_link") for _ in range(9)]
    with pytest.raises(InvalidLink):
        fetch(service, tmp_path / "file", attempts=None)
    assert len(service.requests) == 6
    assert len(service.waits) == 4


def test_a_deleted_file_is_not_retried(service: Service, tmp_path: Path) -> None:
    """A retry would not help."""
    service.answers = [problem(410, "deleted")]
    with pytest.raises(Gone):
        fetch(service, tmp_path / "file")


def test_progress_resets_the_count_of_attempts(service: Service, tmp_path: Path) -> None:
    """A bad connection with progress is retried without limit. Without progress, attempts are limited."""
    moving = [httpx2.Response(206, stream=Breaking(DATA[i : i + 10])) for i in range(0, 50, 10)]
    service.answers = [*moving, LOST, LOST]
    with pytest.raises(Unreachable):
        fetch(service, tmp_path / "file", attempts=3)
    assert (tmp_path / "file.part").read_bytes() == DATA[:50]
    assert not (tmp_path / "file").exists()


def test_the_cache_downloads_a_shard_once(tmp_path: Path) -> None:
    """Caches of one folder share it by digest."""
    fetched: list[Path] = []

    def download_to(target: Path) -> Path:
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(DATA)
        fetched.append(target)
        return target

    for _ in range(2):
        assert ShardCache(tmp_path).path(SHA256, download_to).read_bytes() == DATA
    assert len(fetched) == 1


def test_the_cache_deletes_the_least_recently_used(tmp_path: Path) -> None:
    """Its name is deleted too."""
    cache = ShardCache(tmp_path, max_bytes=25)

    def download_to(target: Path) -> Path:
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(b"0123456789")
        return target

    first = cache.path("a", download_to)
    cache.path("b", download_to)
    cache.assign("second", "b")
    cache.path("a", download_to)
    cache.path("c", download_to)
    assert first.exists()
    assert not first.with_name("b.tar").exists()
    assert list((tmp_path / "names").iterdir()) == []  # the name of "b"
