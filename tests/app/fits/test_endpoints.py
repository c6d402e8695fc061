"""Promises of `/v1/fits` over HTTP."""

from collections.abc import Callable

import httpx


def test_create_answers_202_with_location_and_is_queued(
    client: httpx.Client, labelset_id: str, queued: Callable[[str], list[str]]
) -> None:
    """A create is accepted at once, says where the job is, and puts exactly one call into the queue."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "labelset": labelset_id})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(f"/v1/fits/{job['id']}")
    assert int(answer.headers["Retry-After"]) >= 1
    assert job["status"] == "queued"
    assert queued("fit") == [f"{job['id']}-1"]


def test_sheet(client: httpx.Client, finished_fit_id: str) -> None:
    """A finished fit links to its sheet, which can be read."""
    fit = client.get(f"/v1/fits/{finished_fit_id}").json()
    assert client.get(fit["sheet"]["url"]).content == b"a picture"
