"""Validation, cost and delivery of batches in the client, with the real app."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from handsoff_client import HandsOff
from handsoff_client.cli.batches.commands import destination_of
from handsoff_shards.errors import InvalidInput
from tests.client.conftest import Run

TO = {"kind": "template", "url": "https://bucket.example.com/run/{name}?token=secret"}


def test_a_batch_is_validated(handsoff: HandsOff, finished_fit_id: str) -> None:
    """Its resolved values and its predicted cost, and nothing is created."""
    checked = handsoff.batches.validate(fit=finished_fit_id, n=40)
    assert checked.resolved["truncation"] == 0.7
    assert checked.estimate is not None
    assert checked.estimate.num_jobs == 0
    assert list(handsoff.batches.list()) == []


def test_a_batch_waits_for_its_fit(handsoff: HandsOff, fit_id: str) -> None:
    """It has no digest of the fit, and says what it waits for."""
    batch = handsoff.batches.create(fit=fit_id, n=4)
    assert batch.fit.digest is None
    assert batch.progress is not None
    assert batch.progress.stage == f"waiting for {fit_id}"


def test_a_batch_is_delivered(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Callable[[str], object]
) -> None:
    """The batch shows its delivery; it can be ordered again after its end."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=4, deliver_to=TO)
    assert batch.delivery is not None
    assert (batch.delivery.status, batch.delivery.target.host) == ("waiting", "bucket.example.com")
    finish_batch(batch.id)
    again = handsoff.batches.deliver(batch.id)
    assert again == handsoff.batches.delivery(batch.id)


def test_a_destination_is_a_template_or_a_file(tmp_path: Path) -> None:
    """Other files are refused with the expected text."""
    assert destination_of(TO["url"]) == TO
    path = tmp_path / "urls.json"
    path.write_text(json.dumps({"kind": "urls"}))
    assert destination_of(str(path)) == {"kind": "urls"}
    for text in ("[1]", "{"):
        path.write_text(text)
        with pytest.raises(InvalidInput, match="Expected"):
            destination_of(str(path))


def test_the_command_line_validates_and_delivers(
    run: Run, finished_fit_id: str, finish_batch: Callable[[str], object]
) -> None:
    """`--validate-only` prints the cost; `--deliver-to` and `deliver` send the batch."""
    words = ("batch", finished_fit_id, "-n", "4")
    code, out, _ = run(*words, "--validate-only")
    assert (code, out.splitlines()[0]) == (0, "valid: 4 samples in 1 shards")
    assert "(a guess)" in out
    code, out, _ = run(*words, "--deliver-to", TO["url"])
    assert code == 0
    batch_id = out.strip()
    finish_batch(batch_id)
    code, out, _ = run("deliver", batch_id)
    assert (code, out.strip()) == (0, f"{batch_id} to bucket.example.com: waiting")
