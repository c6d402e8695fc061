"""Promises of errors on the wire."""

import httpx
import pytest

from contracts.ids import new_id
from contracts.settings import Settings


def test_an_error_is_a_problem(client: httpx.Client) -> None:
    """An error says its type, code, status and the request's id, as problem+json."""
    answer = client.get(f"/v1/fits/{new_id('fit')}", headers={"X-Request-Id": "mine-1"})
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["type"], problem["code"]) == ("/problems/not_found", "not_found")
    assert (problem["status"], problem["request_id"]) == (404, "mine-1")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PUT", "/v1/fits", 405, "method_not_allowed"),
        ("POST", "/v1/fits", 422, "invalid_request"),
    ],
)
def test_what_the_framework_refuses_is_a_problem_too(
    client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    """No error escapes the one shape."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_every_flaw_of_a_body_is_named(client: httpx.Client) -> None:
    """A body with two faults has two flaws, each with a JSON pointer."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "sed": 1})
    assert {flaw["pointer"] for flaw in answer.json()["errors"]} == {"/labelset", "/sed"}


def test_what_is_no_json_is_refused(client: httpx.Client) -> None:
    """A broken body is the caller's error."""
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/fits", content=b"{", headers=headers).status_code == 422


def test_a_large_json_body_is_refused(client: httpx.Client, settings: Settings) -> None:
    """A body that is no upload has a limit of its own."""
    body = {"generator": "x" * settings.max_json_bytes}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_description_of_the_api_has_examples(client: httpx.Client) -> None:
    """OpenAPI shows every address, what a create takes, and what an error looks like."""
    api = client.get("/openapi.json").json()
    assert {"/v1/labelsets", "/v1/fits", "/v1/batches", "/v1/generators"} <= set(api["paths"])
    assert api["components"]["schemas"]["FitCreate"]["examples"][0]["generator"] == "portraits-64"
    assert "4XX" in api["paths"]["/v1/fits"]["post"]["responses"]
