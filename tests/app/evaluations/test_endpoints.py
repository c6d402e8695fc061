"""Evaluations over HTTP: what is stored and queued, and what the view shows."""

from collections.abc import Callable
from typing import Any

import httpx2

from contracts.digests import sha256_of
from contracts.evaluations.evaluation import EvaluationRequest
from contracts.jobs import JobRef
from state import keys, records
from state.store import Store
from tests.app.evaluations.conftest import AddLabelset

Body = dict[str, Any]


def stored(store: Store, ref: JobRef) -> EvaluationRequest:
    """Return the stored request."""
    request = records.read_request(store, ref, EvaluationRequest)
    assert request is not None
    return request


def test_a_create_is_queued_in_its_own_queue(
    client: httpx2.Client, evaluation: JobRef, queued: Callable[[str], list[str]]
) -> None:
    """An evaluation takes long, so it waits behind no fit and no training, and none waits behind it."""
    assert queued("evaluate") == [f"{evaluation.id}-1"]
    assert evaluation.id not in str([*queued("fit"), *queued("train")])
    shown = client.get(f"/v1/evaluations/{evaluation.id}").json()
    assert (shown["status"], shown["queue_position"], shown["report"]) == ("queued", 0, None)


def test_the_stored_request_is_resolved(
    store: Store, evaluation: JobRef, labelset_id: str, heldout: str
) -> None:
    """It pins the fit and its labelset by digest, and has every option."""
    request = stored(store, evaluation)
    assert request.fit.digest == sha256_of(b"fit")
    assert (request.labelset.id, request.heldout_labelset.id) == (labelset_id, heldout)
    assert request.options.arms == ("real", "synthetic", "mixed", "direct")
    assert request.options.num_seeds == 4
    assert request.warnings == ()


def test_an_oracle_labelset_adds_its_arm(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """Without a choice of arms, all are compared that have their inputs."""
    oracle = add_labelset("a", "b", "c")
    shown = client.post("/v1/evaluations", json=body | {"oracle_labelset": oracle}).json()
    assert shown["options"]["arms"] == ["real", "synthetic", "mixed", "direct", "oracle"]
    assert shown["oracle_labelset"]["id"] == oracle


def test_a_repeated_key_gives_the_same_evaluation(client: httpx2.Client, body: Body) -> None:
    """A request that is sent again after a lost answer queues nothing new."""
    headers = {"Idempotency-Key": "once"}
    first, second = (
        client.post("/v1/evaluations", json=body, headers=headers).json() for _ in range(2)
    )
    assert first["id"] == second["id"]


def test_the_view_counts_finished_trainings(
    client: httpx2.Client, store: Store, evaluation: JobRef
) -> None:
    """Each arm has its number of trainings that have ended; they survive a lost Redis."""
    for name in ("real-0", "real-2", "mixed-300-1"):
        store.put(keys.evaluation_unit(evaluation, name), b"{}")
    arms = client.get(f"/v1/evaluations/{evaluation.id}").json()["arms"]
    assert arms == [
        {"arm": "real", "done": 2, "total": 4},
        {"arm": "synthetic", "done": 0, "total": 12},
        {"arm": "mixed", "done": 1, "total": 12},
        {"arm": "direct", "done": 0, "total": 1},
    ]


def test_a_report_is_downloaded_and_never_shown_as_a_page_of_the_service(
    client: httpx2.Client, evaluation: JobRef, finish_evaluation: Callable[[str], None]
) -> None:
    """Its HTML contains names that users gave: it is an attachment, and runs no script."""
    finish_evaluation(evaluation.id)
    shown = client.get(f"/v1/evaluations/{evaluation.id}").json()
    assert shown["report"]["verdict"] == ["Masks: synthetic pairs help."]
    (file,) = shown["files"]
    answer = client.get(file["url"])
    assert (answer.status_code, sha256_of(answer.content)) == (200, file["sha256"])
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report.html"'
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_links_of_files_do_not_change_the_tag(
    client: httpx2.Client, evaluation: JobRef, finish_evaluation: Callable[[str], None]
) -> None:
    """A link is new in every answer; a caller that has the report still gets 304."""
    finish_evaluation(evaluation.id)
    path = f"/v1/evaluations/{evaluation.id}"
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
