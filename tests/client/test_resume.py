"""Batches that did not succeed: the client reads their shards and continues them as new batches."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from contracts.batches import BatchManifest
from handsoff_client import HandsOff, InvalidAnswer, JobFailed, NotResumable
from tests.client.conftest import Run, Service

Fail = Callable[[str], None]
Finish = Callable[[str], BatchManifest]


@pytest.fixture
def handsoff(client: httpx2.Client) -> Iterator[HandsOff]:
    """Return a client of the app."""
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


@pytest.fixture
def failed_id(handsoff: HandsOff, finished_fit_id: str, fail_batch: Fail) -> str:
    """Return a batch that failed with its shards 0 and 2 of 3."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=40, shard_size=16)
    fail_batch(batch.id)
    return batch.id


def test_the_finished_shards_are_downloaded(
    handsoff: HandsOff, failed_id: str, tmp_path: Path
) -> None:
    """Each under its own number, verified. `wait` still raises the error of the batch."""
    with pytest.raises(JobFailed):
        handsoff.batches.wait(failed_id)
    folder = handsoff.batches.download(failed_id, tmp_path)
    assert folder.num_samples == 24
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == [
        "shard-000000.tar",
        "shard-000002.tar",
    ]


def test_a_missing_shard_is_an_error_in_a_batch_that_succeeded(service: Service) -> None:
    """It is never left out silently: only the service says that a batch is incomplete."""
    shard = {"num_samples": 1, "num_bytes": 1, "sha256": "0" * 64, "url": "http://service/0"}
    shard |= {"expires_at": "2026-11-22T10:00:00Z"}
    listed = {"num_samples": 2, "items": [shard | {"index": 0}, shard | {"index": 2}]}
    service.answers = [httpx2.Response(200, json=listed)]
    with pytest.raises(InvalidAnswer, match="in order from 0"):
        service.client().batches.shards("batch_1")
    service.answers = [httpx2.Response(200, json=listed | {"is_partial": True})]
    shards = service.client().batches.shards("batch_1")
    assert [one.index for one in shards] == [0, 2]


def test_a_failed_batch_is_resumed(handsoff: HandsOff, failed_id: str) -> None:
    """The new batch has the same request. It is not resumed while it is queued."""
    batch = handsoff.batches.resume(failed_id)
    assert (batch.n, batch.json["resumes"]) == (40, failed_id)
    with pytest.raises(NotResumable, match="wait for its end"):
        handsoff.batches.resume(batch.id)


def test_the_command_prints_the_new_batch(
    run: Run, handsoff: HandsOff, failed_id: str, finish_batch: Finish
) -> None:
    """`handsoff resume BATCH` prints the id, as `handsoff batch` does."""
    code, out, _ = run("resume", failed_id)
    assert code == 0
    assert handsoff.batches.get(out.strip()).json["resumes"] == failed_id
    finish_batch(out.strip())
    code, _, message = run("resume", out.strip())
    assert code == 1
    assert "it has all samples" in message
