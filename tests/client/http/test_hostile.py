"""A broken or malicious service: the client has limits, stays in its folders, and names the address."""

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handsoff_client import (
    Batch,
    BatchFolder,
    ChecksumMismatch,
    HandsOffError,
    InvalidAnswer,
    InvalidInput,
    Labelset,
    ServiceError,
    Shard,
    Unreachable,
)
from handsoff_client.cli.terminal import printable
from handsoff_client.http import answers as answer_limits
from handsoff_client.http.downloads import download
from handsoff_client.http.parsing import parse
from handsoff_client.http.retries import Retries, retry_after_seconds
from tests.client.conftest import SHARD_SIZE, Service, job, problem
from tests.client.http.raw_servers import answering, http

DIGEST = hashlib.sha256(b"12345").hexdigest()
SHARD: dict[str, Any] = {
    "index": 0,
    "num_samples": 2,
    "num_bytes": 5,
    "sha256": DIGEST,
    "url": "http://service/files/0",
    "expires_at": "2026-11-22T10:00:00Z",
}


class Endless(httpx2.SyncByteStream):
    """An endless body. It counts the bytes that were read."""

    def __init__(self) -> None:
        self.num_read = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.num_read += 65_536
            yield bytes(65_536)


@pytest.mark.parametrize(
    "fields",
    [
        {"sha256": "../../outside"},
        {"sha256": DIGEST.upper()},
        {"sha256": 5},
        {"index": "../../outside"},
        {"index": True},
        {"num_bytes": None},
        {"url": ["http://service"]},
        {"expires_at": 5},
        {"num_samples": 1.5},
    ],
)
def test_a_field_of_another_type_is_refused(fields: dict[str, Any]) -> None:
    """Digests and numbers name files, so other values are refused. The message has the field."""
    with pytest.raises(InvalidAnswer, match=next(iter(fields))):
        parse(Shard, SHARD | fields)


def test_shards_that_are_not_in_order_are_refused(service: Service, tmp_path: Path) -> None:
    """Their numbers become file names."""
    listed = {"batch": "batch_1", "num_samples": 2, "items": [SHARD | {"index": 7}]}
    service.answers = [
        httpx2.Response(200, json=job("batch", "succeeded")),
        httpx2.Response(200, json=listed),
    ]
    with pytest.raises(InvalidAnswer, match="in order from 0, got"):
        service.client().batches.download("batch_1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_cannot_change_the_path(service: Service, name: str) -> None:
    """`handsoff rm ..` sends no request."""
    with pytest.raises(InvalidInput, match="Expected an id"):
        service.client().fits.delete(name)
    service.answers = [problem(404, "not_found")]
    with pytest.raises(ServiceError):
        service.client().fits.delete("../labelsets/x?y#z")
    assert service.requests[0].url.raw_path == b"/v1/fits/..%2Flabelsets%2Fx%3Fy%23z"


def test_a_download_is_limited_to_its_size(service: Service, tmp_path: Path) -> None:
    """An endless file does not fill the disk."""
    body = Endless()
    service.answers = [httpx2.Response(200, stream=body)]
    with pytest.raises(ChecksumMismatch):
        download(
            service.client().transport,
            "http://service/file",
            tmp_path / "file",
            sha256=DIGEST,
            num_bytes=5,
            renew=str,
        )
    assert body.num_read == 65_536
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not kept in memory."""
    monkeypatch.setattr(answer_limits, "MAX_ANSWER_BYTES", 1_000_000)
    body = Endless()
    service.answers = [httpx2.Response(200, stream=body)]
    with pytest.raises(InvalidAnswer, match="http://service/v1/fits/fit_1 sent more than"):
        service.client().fits.get("fit_1")
    assert body.num_read < 2_000_000


def test_a_slow_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, the complete answer is not."""
    monkeypatch.setattr(answer_limits, "ANSWER_SECONDS", 0.2)

    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(http(b"", more="X: y\r\n").replace(b"Length: 0", b"Length: 9999"))
        while True:
            connection.sendall(b" ")
            time.sleep(0.01)

    with answering(drip) as port:
        start = time.monotonic()
        with (
            httpx2.Client() as client,
            pytest.raises(InvalidAnswer, match="was still sending after"),
        ):
            answer_limits.receive(client, client.build_request("GET", f"http://127.0.0.1:{port}/"))
        assert time.monotonic() - start < 5


def test_retry_after_is_limited() -> None:
    """A header cannot make the client sleep for a year."""
    retries = Retries(longest_after_seconds=120)
    assert retries.delay_seconds(1, "99999999999") <= 121
    assert all(retry_after_seconds(header) is None for header in ("inf", "nan", "-inf", "1e999"))


def test_a_redirect_is_not_followed(service: Service) -> None:
    """A POST would lose its body. The message has the new address."""
    service.answers = [httpx2.Response(301, headers={"Location": "https://other/v1/fits"})]
    with pytest.raises(InvalidAnswer, match="redirects to 'https://other/v1/fits'"):
        service.client().fits.create(generator="g", labelset="l")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b"{",
        b'{"items": 5, "has_more": false}',
        b'{"items": {"a": 1}, "has_more": false}',
        b'{"items": [1], "has_more": false}',
    ],
)
def test_unexpected_json_raises_invalid_answer(service: Service, body: bytes) -> None:
    """It never raises `TypeError` or `RecursionError`."""
    service.answers = [httpx2.Response(200, content=body)]
    with pytest.raises(InvalidAnswer):
        list(service.client().fits.list())


@pytest.mark.parametrize(
    "body",
    [
        {"code": 5, "detail": {"a": 1}, "errors": "text"},
        {"code": ["x"], "errors": [5, None, {"detail": 5, "file": 6}]},
        {"code": "x", "detail": "y" * 1_000_000},
        ["no object"],
        {},
    ],
)
def test_a_malformed_problem_raises_service_error(service: Service, body: Any) -> None:
    """It has the status, and its message is limited."""
    service.answers = [httpx2.Response(418, json=body)]
    with pytest.raises(ServiceError) as caught:
        service.client().fits.get("fit_1")
    assert caught.value.status == 418
    assert len(str(caught.value)) < 5_000


def test_an_error_page_is_reported_with_address_and_status(service: Service) -> None:
    """The page of a proxy is not a message of the service."""
    service.answers = [httpx2.Response(413, html="<html>")]
    with pytest.raises(
        ServiceError, match=r"got 413 with 'text/html.* from http://service/v1/fits/fit_1"
    ):
        service.client().fits.get("fit_1")


@pytest.mark.parametrize("body", [b"not gzip", b"\x1f\x8b"])
def test_a_body_that_cannot_be_decompressed_is_an_error(service: Service, body: bytes) -> None:
    """It does not raise an exception of the HTTP library."""
    headers = {"Content-Encoding": "gzip"}
    service.answers = [
        httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(body)) for _ in range(2)
    ]
    with pytest.raises(HandsOffError):
        service.client(attempts=2).fits.get("fit_1")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://[::1", "", "ftp://x/y", "http://exa mple/", "\n"]
)
def test_an_odd_link_is_an_error(service: Service, tmp_path: Path, url: str) -> None:
    """No local file is read, and no file is written."""
    service.answers = [httpx2.UnsupportedProtocol("no", request=httpx2.Request("GET", "http://x"))]
    with pytest.raises(HandsOffError):
        download(
            service.client(attempts=1).transport,
            url,
            tmp_path / "file",
            sha256=DIGEST,
            num_bytes=5,
            renew=lambda: url,
        )
    assert not (tmp_path / "file").exists()


def test_an_interrupted_answer_names_the_address(service: Service) -> None:
    """The message has it for every kind of connection error."""
    broken = httpx2.RemoteProtocolError("gone", request=httpx2.Request("GET", "http://service/"))
    service.answers = [broken, broken]  # a closed connection is replaced once
    with pytest.raises(Unreachable, match="http://service does not answer with HTTP"):
        service.client(attempts=1).fits.get("fit_1")


def test_a_message_cannot_control_the_terminal() -> None:
    """Control characters in names and messages are replaced, except for line feeds."""
    assert printable("a\x1b[2Jb\nc\r\x07\u202e") == "a\ufffd[2Jb\nc\ufffd\ufffd\ufffd"


def test_a_batch_folder_reads_only_its_files(tmp_path: Path) -> None:
    """A foreign `batch.json` cannot name a file outside the folder."""
    shard = {"file": "../outside.tar", "num_samples": 1, "num_bytes": 1, "sha256": DIGEST}
    batch = job("batch", "succeeded", n=SHARD_SIZE)
    written = json.dumps({"batch": batch, "shards": [shard]})
    (tmp_path / "batch.json").write_text(written)
    assert parse(Batch, batch).id == "batch_1"
    with pytest.raises(InvalidInput, match=r"outside\.tar"):
        BatchFolder.open(tmp_path)


def test_an_id_is_text() -> None:
    """Fields of messages and paths have the right type."""
    with pytest.raises(InvalidAnswer, match="id: expected text"):
        parse(Labelset, {"id": ["x"]})
