"""Tests of error responses."""

import errno

import httpx2
import pytest
from fastapi import FastAPI, HTTPException

from app.http.problems import MAX_PROBLEM_BYTES, install_problem_handlers
from app.services import Services
from contracts.ids import new_id
from state.settings import Settings
from tests.app.conftest import serving


def test_an_error_is_a_problem(client: httpx2.Client) -> None:
    """An error is problem+json with type, code, status and the request's id."""
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
def test_errors_of_the_framework_are_problems(
    client: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    """Errors that FastAPI raises have the same form."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_every_error_of_a_body_is_listed(client: httpx2.Client) -> None:
    """A body with two errors gives two entries, each with a JSON pointer."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "sed": 1})
    assert {flaw["pointer"] for flaw in answer.json()["errors"]} == {"/labelset", "/sed"}


def test_an_error_has_the_expected_and_the_actual_value(client: httpx2.Client) -> None:
    """The message is "Expected X, got Y."; an unknown field is named as such."""
    body = {"fit": new_id("fit"), "n": 0, "filter": {"drop_share": 1.5}, "color": "red"}
    flaws = client.post("/v1/batches", json=body).json()["errors"]
    details = {flaw["pointer"]: flaw["detail"] for flaw in flaws}
    assert details["/n"] == "Expected a number of at least 1, got 0."
    assert details["/filter/drop_share"].endswith("got 1.5.")
    assert details["/color"] == "Unknown field. Remove it or correct its name."


def test_a_response_lists_the_first_errors_only(client: httpx2.Client) -> None:
    """A body with 1,002 errors gives 20 messages."""
    problem = client.post("/v1/fits", json={f"field-{k}": 0 for k in range(1_000)}).json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].startswith("The request has 1002 errors")


def test_a_response_is_small_and_safe(client: httpx2.Client) -> None:
    """For any body, the response has at most 4 kB and no characters that move or hide text."""
    bad = "\u202e\x9b\x00\U0001f600" * 100
    for body in (
        {"generator": bad, "labelset": bad, "inverter": bad, "options": {"tasks": [bad] * 100}},
        {bad + str(k): bad for k in range(100)},
        {"generator": "x", "labelset": "y", "options": {"ensemble": {bad: bad}}},
    ):
        answer = client.post("/v1/fits", json=body)
        assert answer.status_code == 422
        assert len(answer.content) <= MAX_PROBLEM_BYTES
        assert answer.json()["errors"]
        assert not set(answer.text) & set("\u202e\x9b\x00")


def test_control_characters_of_an_address_are_escaped(client: httpx2.Client) -> None:
    """The address in the message is as untrusted as the body."""
    answer = client.get("/v1/%E2%80%AE%00%0Anothing" + "x" * 5_000)
    assert answer.status_code == 404
    assert len(answer.content) <= MAX_PROBLEM_BYTES
    assert "\\u202e\\u0000\\u000a" in answer.json()["detail"]


def test_a_lone_surrogate_is_refused_like_any_value(client: httpx2.Client) -> None:
    """A lone surrogate, which JSON can contain, does not break the error response."""
    headers = {"Content-Type": "application/json"}
    for body in (rb'{"\ud800": 1}', rb'{"generator": "\ud800"}'):
        flaw = client.post("/v1/fits", content=body, headers=headers).json()["errors"][0]
        assert flaw["detail"].endswith(r'got "\ud800".')


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        (b"{", "application/json", "not valid JSON"),
        (b"[]", "application/json", "Expected an object, got a list"),
        (
            b"{}",
            "application/x-www-form-urlencoded",
            'a body of type "application/x-www-form-urlencoded"',
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    client: httpx2.Client, body: bytes, media_type: str, message: str
) -> None:
    """Invalid JSON is refused, and so is JSON with another Content-Type (curl's default, without -H)."""
    answer = client.post("/v1/fits", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 422
    assert message in answer.json()["errors"][0]["detail"]


def test_a_body_that_is_too_deep_is_refused(client: httpx2.Client) -> None:
    """The refusal names the reason and refers to /docs."""
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/fits", content=b"[" * 100_000, headers=headers)
    assert answer.status_code == 400
    assert "levels" in answer.json()["detail"]
    assert "/docs" in answer.json()["detail"]


def test_an_unknown_address_or_method_refers_to_the_docs(client: httpx2.Client) -> None:
    """The message names the allowed methods and where all addresses are listed."""
    assert "'/v1/fit' does not exist. /docs" in client.get("/v1/fit").json()["detail"]
    detail = client.delete("/v1/generators").json()["detail"]
    assert "one of GET, HEAD, POST at '/v1/generators', got DELETE" in detail


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 503), (errno.EPERM, 500)])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_full_disk_is_503(
    settings: Settings, number: int, status: int, *, is_wrapped: bool
) -> None:
    """A full disk gives 503, also if FastAPI reports a bad body; other OS errors give 500."""
    app = FastAPI()
    app.state.services = Services.from_settings(settings)
    install_problem_handlers(app)

    @app.get("/")
    def fail() -> None:
        error = OSError(number, "a disk")
        if is_wrapped:
            raise HTTPException(400, "There was an error parsing the body") from error
        raise error

    with serving(app) as client:
        assert client.get("/").status_code == status


def test_a_large_json_body_is_refused(client: httpx2.Client, settings: Settings) -> None:
    """JSON bodies have a separate, smaller limit than uploads."""
    body = {"generator": "x" * settings.max_json_bytes}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_openapi_has_examples(client: httpx2.Client) -> None:
    """OpenAPI has every address, an example of a create body, and the error responses."""
    api = client.get("/openapi.json").json()
    assert {"/v1/labelsets", "/v1/fits", "/v1/batches", "/v1/generators"} <= set(api["paths"])
    assert api["components"]["schemas"]["FitCreate"]["examples"][0]["generator"] == "portraits-64"
    assert "422" in api["paths"]["/v1/fits"]["post"]["responses"]
