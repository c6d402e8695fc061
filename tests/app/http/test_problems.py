"""Promises of errors on the wire."""

import errno

import httpx2
import pytest
from fastapi import FastAPI, HTTPException

from app.http.problems import MAX_PROBLEM_BYTES, install_problem_handlers
from contracts.ids import new_id
from state.settings import Settings
from tests.app.conftest import serving


def test_an_error_is_a_problem(client: httpx2.Client) -> None:
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
    client: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    """No error escapes the one shape."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_every_flaw_of_a_body_is_named(client: httpx2.Client) -> None:
    """A body with two faults has two flaws, each with a JSON pointer."""
    answer = client.post("/v1/fits", json={"generator": "tiny-32", "sed": 1})
    assert {flaw["pointer"] for flaw in answer.json()["errors"]} == {"/labelset", "/sed"}


def test_a_flaw_says_what_came(client: httpx2.Client) -> None:
    """What was expected is half of the message; the value that came is the other."""
    body = {"fit": new_id("fit"), "n": 0, "filter": {"drop_share": 1.5}, "color": "red"}
    flaws = client.post("/v1/batches", json=body).json()["errors"]
    said = {flaw["pointer"]: flaw["detail"] for flaw in flaws}
    assert said["/n"] == "Expected a number of at least 1, found 0."
    assert said["/filter/drop_share"].endswith("found 1.5.")
    assert said["/color"] == "There is no such field. Leave it out or correct its name."


def test_an_answer_names_the_first_flaws_only(client: httpx2.Client) -> None:
    """A body of a thousand faults is not answered with a thousand messages."""
    problem = client.post("/v1/fits", json={f"field-{k}": 0 for k in range(1_000)}).json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].startswith("1002 faults were found")


def test_an_answer_is_small_and_safe(client: httpx2.Client) -> None:
    """Whatever a caller sends, the answer has at most 4 kB and none of the characters that move or hide text."""
    bad = "\u202e\x9b\x00\U0001f600" * 300
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


def test_an_address_with_controls_is_repeated_safely(client: httpx2.Client) -> None:
    """The address in the message is the caller's too."""
    answer = client.get("/v1/%E2%80%AE%00%0Anothing" + "x" * 5_000)
    assert answer.status_code == 404
    assert len(answer.content) <= MAX_PROBLEM_BYTES
    assert "\\u202e\\u0000\\u000a" in answer.json()["detail"]


def test_a_name_that_is_no_text_is_a_flaw_like_another(client: httpx2.Client) -> None:
    """Half a surrogate pair, which JSON can spell, does not break the answer about it."""
    headers = {"Content-Type": "application/json"}
    for body in (rb'{"\ud800": 1}', rb'{"generator": "\ud800"}'):
        flaw = client.post("/v1/fits", content=body, headers=headers).json()["errors"][0]
        assert flaw["detail"].endswith(r'found "\ud800".')


@pytest.mark.parametrize(
    ("body", "media_type", "said"),
    [
        (b"{", "application/json", "not JSON"),
        (b"[]", "application/json", "found another value"),
        (
            b"{}",
            "application/x-www-form-urlencoded",
            'a body of type "application/x-www-form-urlencoded"',
        ),
    ],
)
def test_what_is_no_json_object_is_refused(
    client: httpx2.Client, body: bytes, media_type: str, said: str
) -> None:
    """A broken body is the caller's error, and so is a sound one under another name (curl's own, without -H)."""
    answer = client.post("/v1/fits", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 422
    assert said in answer.json()["errors"][0]["detail"]


def test_a_body_that_is_too_deep_is_refused(client: httpx2.Client) -> None:
    """What the reader of JSON gives up on is refused with the reason and where to look."""
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/fits", content=b"[" * 100_000, headers=headers)
    assert answer.status_code == 400
    assert "levels" in answer.json()["detail"]
    assert "/docs" in answer.json()["detail"]


def test_an_unknown_address_says_where_all_are(client: httpx2.Client) -> None:
    """Who mistypes an address or a method is led to the list."""
    assert client.get("/v1/fit").json()["detail"].startswith("There is nothing at '/v1/fit'. /docs")
    assert "takes GET, HEAD, POST, not DELETE" in client.delete("/v1/generators").json()["detail"]


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 503), (errno.EPERM, 500)])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_full_disk_is_trouble_of_ours(number: int, status: int, is_wrapped: bool) -> None:  # noqa: FBT001
    """No room for an upload is 503, also when the framework blames the body; other faults of ours stay 500."""
    app = FastAPI()
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
    """A body that is no upload has a limit of its own."""
    body = {"generator": "x" * settings.max_json_bytes}
    answer = client.post("/v1/fits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_description_of_the_api_has_examples(client: httpx2.Client) -> None:
    """OpenAPI shows every address, what a create takes, and what an error looks like."""
    api = client.get("/openapi.json").json()
    assert {"/v1/labelsets", "/v1/fits", "/v1/batches", "/v1/generators"} <= set(api["paths"])
    assert api["components"]["schemas"]["FitCreate"]["examples"][0]["generator"] == "portraits-64"
    assert "422" in api["paths"]["/v1/fits"]["post"]["responses"]
