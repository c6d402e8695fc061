"""Tests of HEAD: the headers of GET without a body."""

import httpx2
import structlog


def test_a_head_has_the_headers_of_a_get(client: httpx2.Client, fit_id: str) -> None:
    """Status, length and ETag equal those of GET."""
    compared = ("content-type", "content-length", "etag", "cache-control")
    got, head = client.get(f"/v1/fits/{fit_id}"), client.head(f"/v1/fits/{fit_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in compared} == {
        name: got.headers[name] for name in compared
    }


def test_a_head_is_refused_like_a_get(client: httpx2.Client) -> None:
    """A missing resource gives 404, an address without GET gives 405."""
    assert client.head("/v1/fits/fit_" + 32 * "0").status_code == 404
    assert client.head("/v1/fits/fit_" + 32 * "0" + "/cancel").status_code == 405


def test_a_head_of_an_endless_response_ends(client: httpx2.Client, fit_id: str) -> None:
    """HEAD of an event stream returns the headers at once, while GET stays open until the fit ends. It is no error."""
    with structlog.testing.capture_logs() as logs:
        head = client.head(f"/v1/fits/{fit_id}/events/live")
        client.head(f"/v1/fits/{fit_id}")  # on the same connection, so the first request has ended
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
