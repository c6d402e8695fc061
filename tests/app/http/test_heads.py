"""Promises of HEAD: the headers of GET, and no body."""

import httpx2


def test_a_head_has_the_headers_of_a_get(client: httpx2.Client, fit_id: str) -> None:
    """Status, length and tag are those that GET would answer with."""
    wanted = ("content-type", "content-length", "etag", "cache-control")
    got, head = client.get(f"/v1/fits/{fit_id}"), client.head(f"/v1/fits/{fit_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in wanted} == {
        name: got.headers[name] for name in wanted
    }


def test_a_head_is_refused_as_a_get_is(client: httpx2.Client) -> None:
    """What is not there is 404, and what takes no GET is 405."""
    assert client.head("/v1/fits/fit_" + 32 * "0").status_code == 404
    assert client.head("/v1/fits/fit_" + 32 * "0" + "/cancel").status_code == 405


def test_a_head_of_what_has_no_end_ends(client: httpx2.Client, fit_id: str) -> None:
    """An event stream would go on until the fit ends; only its headers are asked for."""
    head = client.head(f"/v1/fits/{fit_id}/events/live")
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
