"""Evaluations of the client: create, read the verdict, fetch the report."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handsoff_client import ChecksumMismatch, InvalidInput
from tests.client.conftest import Service, job

PAGE = b"<!doctype html>"


def evaluation(status: str = "succeeded", **more: Any) -> dict[str, Any]:
    """Return an evaluation as the service answers it."""
    pinned = {"id": "x", "digest": "0"}
    file = {
        "name": "report.html",
        "num_bytes": len(PAGE),
        "sha256": hashlib.sha256(PAGE).hexdigest(),
        "url": "http://service/files/report.html",
        "expires_at": "2026-11-22T10:00:00Z",
    }
    own = {
        "fit": pinned,
        "labelset": pinned,
        "heldout_labelset": pinned,
        "arms": [{"arm": "real", "done": 3, "total": 3}],
        "report": {"verdict": ["Mixed pairs are better.", "Stop at 300."]},
        "files": [file],
    }
    return job("evaluation", status, **{**own, **more})


def test_only_given_arguments_are_sent(service: Service) -> None:
    """The service has defaults for the others."""
    service.answers = [httpx2.Response(202, json=evaluation("queued", report=None, files=[]))]
    created = service.client().evaluations.create(fit="fit_1", heldout_labelset="labelset_1")
    assert (created.verdict, created.arms[0].total) == ((), 3)
    (request,) = service.requests
    assert request.url.path == "/v1/evaluations"
    assert b"oracle_labelset" not in request.content
    assert b"labeling" not in request.content


def test_a_labeling_is_sent_and_shown(service: Service) -> None:
    """It is pinned like the labelsets."""
    pinned = {"id": "labeling_1", "digest": "0"}
    answer = evaluation("queued", report=None, files=[], labeling=pinned)
    service.answers = [httpx2.Response(202, json=answer)]
    created = service.client().evaluations.create(
        fit="fit_1", heldout_labelset="labelset_1", labeling="labeling_1"
    )
    assert created.labeling is not None
    assert created.labeling.id == "labeling_1"
    (request,) = service.requests
    assert json.loads(request.content)["labeling"] == "labeling_1"


def test_the_verdict_is_in_the_report(service: Service) -> None:
    """Its sentences are in order."""
    service.answers = [httpx2.Response(200, json=evaluation())]
    shown = service.client().evaluations.get("evaluation_1")
    assert shown.verdict == ("Mixed pairs are better.", "Stop at 300.")


def test_a_report_is_fetched_by_its_suffix(service: Service, tmp_path: Path) -> None:
    """The file is complete, and replaces an older one."""
    target = tmp_path / "out.html"
    target.write_text("old")
    service.answers = [
        httpx2.Response(200, json=evaluation()),
        httpx2.Response(200, content=PAGE),
    ]
    assert service.client().evaluations.fetch_file("evaluation_1", target) == target
    assert target.read_bytes() == PAGE


def test_other_bytes_are_refused(service: Service, tmp_path: Path) -> None:
    """The digest is that of the service's answer."""
    service.answers = [
        httpx2.Response(200, json=evaluation()),
        httpx2.Response(200, content=b"<script>"),
    ]
    with pytest.raises(ChecksumMismatch):
        service.client().evaluations.fetch_file("evaluation_1", tmp_path / "out.html")


def test_a_file_that_does_not_exist_is_named(service: Service, tmp_path: Path) -> None:
    """Before the end there are no files; afterwards the message lists them."""
    running = httpx2.Response(200, json=evaluation("running", report=None, files=[]))
    service.answers = [running, httpx2.Response(200, json=evaluation())]
    evaluations = service.client().evaluations
    with pytest.raises(InvalidInput, match="is running and has no files yet"):
        evaluations.fetch_file("evaluation_1", tmp_path / "out.html")
    with pytest.raises(InvalidInput, match=r"has report\.html, got 'report\.json'"):
        evaluations.fetch_file("evaluation_1", tmp_path / "out.json")
